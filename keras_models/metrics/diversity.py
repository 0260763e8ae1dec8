"""Properties of captions that need no references, such as length and repetition."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

# A caption that stops at one of these was cut short. Words are left out that people end
# captions with, as adverbs or pronouns: "runs inside", "walks around", "looks at her".
_DETERMINERS = "a an the this that these those his its their my your our some"
_PREPOSITIONS = (
    "about across after against among at before beneath beside between by during for "
    "from in into near of on onto through to toward towards under until upon with "
    "within without"
)
_CONJUNCTIONS = "and or but while as because if than"
_AUXILIARIES = "am are be is was were"
BAD_ENDINGS = frozenset(
    f"{_DETERMINERS} {_PREPOSITIONS} {_CONJUNCTIONS} {_AUXILIARIES}".split()
)


_UNKNOWN = frozenset({"<unk>", "unk", "[unk]"})


def summary(captions: Iterable[str]) -> dict[str, float]:
    """Returns every property of `PROPERTIES`, by its name."""
    captions = list(captions)
    return {name: float(measure(captions)) for name, measure in PROPERTIES.items()}


def caption_length(captions: Iterable[str]) -> float:
    """Returns the mean number of words in a caption."""
    return _mean(len(words) for words in _split(captions))


def vocabulary_size(captions: Iterable[str]) -> int:
    """Counts the different words in all captions."""
    return len({word for words in _split(captions) for word in words})


def distinct_captions(captions: Iterable[str]) -> float:
    """Returns the share of different captions, near 0 if a model repeats one."""
    texts = [" ".join(words) for words in _split(captions)]
    return len(set(texts)) / len(texts) if texts else 0.0


def distinct(captions: Iterable[str], order: int) -> float:
    """Returns the different n-grams per n-gram of all captions (Li et al., 2016)."""
    grams = [gram for words in _split(captions) for gram in _grams(words, order)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repetition(captions: Iterable[str], order: int = 2) -> float:
    """Returns the share of n-grams that stood in the same caption before."""
    per_caption = [list(_grams(words, order)) for words in _split(captions)]
    total = sum(map(len, per_caption))
    return 1.0 - sum(len(set(grams)) for grams in per_caption) / total if total else 0.0


def bad_endings(captions: Iterable[str]) -> float:
    """Returns the share of captions that are empty or end as no sentence can."""
    return _mean(not words or words[-1] in BAD_ENDINGS for words in _split(captions))


def empty(captions: Iterable[str]) -> float:
    """Returns the share of captions without a single word."""
    return _mean(not words for words in _split(captions))


def unknown(captions: Iterable[str]) -> float:
    """Returns the share of words that stand for one the vocabulary does not have."""
    return _mean(word in _UNKNOWN for words in _split(captions) for word in words)


def copied(captions: Iterable[str], training: Iterable[str]) -> float:
    """Returns the share of captions that are, word for word, training captions."""
    known = {" ".join(words) for words in _split(training)}
    return _mean(" ".join(words) in known for words in _split(captions))


# Every property by its name, in the order in which they are printed.
PROPERTIES: dict[str, Callable[[Iterable[str]], float]] = {
    "caption_length": caption_length,
    "vocabulary_size": vocabulary_size,
    "distinct_captions": distinct_captions,
    "distinct_1": functools.partial(distinct, order=1),
    "distinct_2": functools.partial(distinct, order=2),
    "repetition": repetition,
    "bad_endings": bad_endings,
    "empty": empty,
    "unknown": unknown,
}


def _split(captions: Iterable[str]) -> Iterator[list[str]]:
    return (caption.lower().split() for caption in captions)


def _grams(words: list[str], order: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 0.0
