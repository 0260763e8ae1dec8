"""Rewards of sampled captions: caption metrics over token ids, many at once."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from keras_models.metrics import METRICS, canonical_name
from keras_models.metrics.diversity import BAD_ENDINGS
from keras_models.metrics.metric import Candidates, References
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences
from transform.common.config import Config, Field, root_validator, with_fields

PAD, EOS = 0, 2  # as in transform.records.vocabulary

VideoIds = Union[Sequence[str], Sequence[bytes], np.ndarray]

_DEFAULT_WEIGHTS = {"CIDEr-D": 1.0}  # what papers reward unless they say otherwise


def _key(metric: str) -> str:
    """Returns a metric's name as a key of settings: "cider_d" for "CIDEr-D"."""
    return canonical_name(metric).lower().replace("-", "_")


def _weight_fields() -> dict[str, tuple[type, Any]]:
    return {
        _key(name): (
            float,
            Field(
                _DEFAULT_WEIGHTS.get(name, 0.0), ge=0, description=f"weight of {name}"
            ),
        )
        for name, metric in METRICS.items()
        if metric.token_reward
    }


@with_fields(_weight_fields())
class RewardConfig(Config):
    """The weights of the metrics that a reward is the weighted sum of.

    There is a field for each metric that has a `token_reward`, named as `cider_d` and
    `bleu_4` are. CIDEr-D ranges from 0 to 10, the others from 0 to 1. METEOR asks a
    Java process and takes a hundred times as long as the others together.

    `bad_endings` is taken off the reward of a caption that breaks off: n-gram metrics
    alone let a policy trade the end of a sentence for the words before it.
    """

    bad_endings: float = Field(0.0, ge=0)  # what a caption loses that breaks off

    def __init__(self, **weights: float):
        super().__init__(**weights)

    @root_validator(pre=True)
    def _name_metrics(cls, values: dict) -> dict:
        return {_key(name): weight for name, weight in values.items()}

    @root_validator(skip_on_failure=True)
    def _some_weight(cls, values: dict) -> dict:
        if not any(weight for name, weight in values.items() if name != "bad_endings"):
            raise ValueError(
                "the weight of one of the reward's metrics must be above 0"
            )
        return values

    def weights(self) -> dict[str, float]:
        """Returns the weights above 0: metric → weight."""
        weights = {name: getattr(self, _key(name), 0.0) for name in METRICS}
        return {name: weight for name, weight in weights.items() if weight}


class RewardEngine:
    """Rewards sampled captions by their likeness to the references of a training set.

    The references' n-grams are counted once, here; document frequencies are those of
    all clips given. The end of the sentence is a word like any other: <eos> is part of
    the scored n-grams of references and of candidates, so that leaving a sentence
    unfinished loses its last n-grams. Metrics that read texts, as METEOR does, read the
    words before it.

    Args:
        references: Each clip's captions as token ids, with or without <eos> and padding
            behind it.
        config: The weights of the metrics.
        words: Every id's word, as `Vocabulary.words`; needed for METEOR and for
            `bad_endings`.
    """

    def __init__(
        self,
        references: Mapping[str, Sequence[Sequence[int]]],
        config: RewardConfig,
        words: Sequence[str] = (),
    ):
        self._parts = [
            (weight, METRICS[name]) for name, weight in config.weights().items()
        ]
        for _, metric in self._parts:
            if metric.reads_texts and not words:
                raise ValueError(
                    f"{metric.name} reads words; pass the vocabulary's words"
                )
        if config.bad_endings and not words:
            raise ValueError("bad_endings reads words; pass the vocabulary's words")
        self._bad_endings = config.bad_endings
        self._ends_badly = np.array([word in BAD_ENDINGS for word in words], bool)
        self._ends_badly[:EOS] = True  # the last "word" of an empty caption
        self._rows = {clip: row for row, clip in enumerate(references)}
        self.references = _TokenReferences(list(references.values()), words)

    def score(self, video_ids: VideoIds, tokens: np.ndarray) -> np.ndarray:
        """Rewards N captions: (N,) float32.

        Args:
            video_ids: (N,) the clip that each caption describes, str or UTF-8 bytes.
            tokens: (N, L) int32 ids; what follows <eos> or <pad> is not read.
        """
        candidates = self.candidates(video_ids, tokens)
        reward = np.zeros(len(candidates.clips))
        for weight, metric in self._parts:
            assert metric.token_reward is not None
            reward += weight * metric.token_reward(candidates, self.references)
        if self._bad_endings:
            reward -= self._bad_endings * self._ends_badly[_last_words(tokens)]
        return reward.astype(np.float32)

    def candidates(self, video_ids: VideoIds, tokens: np.ndarray) -> Candidates:
        """Returns sampled captions in the form in which metrics read them."""
        clips = self._clips(video_ids)
        candidates = _TokenCandidates(self.references, clips, np.asarray(tokens))
        if len(candidates.sentences.lengths) != len(clips):
            raise ValueError(
                "each caption needs its clip's id; received "
                f"{len(candidates.sentences.lengths)} captions and {len(clips)} ids"
            )
        return candidates

    def _clips(self, video_ids: VideoIds) -> np.ndarray:
        rows = np.empty(len(video_ids), np.int64)
        for index, clip in enumerate(video_ids):
            name = clip.decode() if isinstance(clip, bytes) else str(clip)
            if name not in self._rows:
                raise ValueError(
                    f"there are no references for clip {name!r} among the "
                    f"{len(self._rows)} that the rewards were built from"
                )
            rows[index] = self._rows[name]
        return rows


class _TokenReferences(References):
    """References that are given as token ids."""

    def __init__(
        self, captions: Sequence[Sequence[Sequence[int]]], words: Sequence[str]
    ):
        self._captions = [[_before_end(ids) for ids in clip] for clip in captions]
        self._words = words
        self._ngrams = ReferenceNgrams(
            [[[*ids, EOS] for ids in clip] for clip in self._captions]
        )

    @property
    def ngrams(self) -> ReferenceNgrams:
        return self._ngrams

    @property
    def lines(self) -> TokenSequences:
        return self._ngrams.sentences

    @functools.cached_property
    def texts(self) -> Sequence[Sequence[str]]:
        return [[self.text(ids) for ids in clip] for clip in self._captions]

    def text(self, ids: Sequence[int]) -> str:
        """Joins the words before the first <eos> or <pad> by spaces."""
        return " ".join(self._words[token] for token in _before_end(ids))


class _TokenCandidates(Candidates):
    """Captions that are given as token ids, (N, L)."""

    def __init__(
        self, references: _TokenReferences, clips: np.ndarray, tokens: np.ndarray
    ):
        super().__init__(references, clips)
        self._tokens = tokens
        self._text = references.text

    @functools.cached_property
    def sentences(self) -> TokenSequences:
        return _sentences(self._tokens)

    @property
    def lines(self) -> TokenSequences:
        return self.sentences

    @functools.cached_property
    def texts(self) -> Sequence[str]:
        return [self._text(row) for row in self._tokens]


def _before_end(ids: Sequence[int]) -> list[int]:
    """Returns the ids before the first <eos> or <pad>."""
    words = []
    for token in ids:
        if token in (EOS, PAD):
            break
        words.append(int(token))
    return words


def _sentences(tokens: np.ndarray) -> TokenSequences:
    """Cuts (N, L) ids behind the first <eos>, or before the first <pad>."""
    if tokens.ndim != 2:
        raise ValueError(f"tokens must be (N, L); received shape {tokens.shape}")
    lengths = _word_counts(tokens)
    padded = np.pad(tokens, ((0, 0), (0, 1)))
    lengths += padded[np.arange(len(tokens)), lengths] == EOS
    inside = np.arange(tokens.shape[1]) < lengths[:, np.newaxis]
    return TokenSequences.from_flat(tokens[inside], lengths)


def _word_counts(tokens: np.ndarray) -> np.ndarray:
    """Counts the words before the first <eos> or <pad> of (N, L) ids: (N,)."""
    ends = np.pad(
        (tokens == EOS) | (tokens == PAD), ((0, 0), (0, 1)), constant_values=1
    )
    return ends.argmax(axis=1)


def _last_words(tokens: np.ndarray) -> np.ndarray:
    """Returns the last word's id of (N, L) captions, <pad> of empty ones: (N,)."""
    before = np.pad(tokens, ((0, 0), (1, 0)), constant_values=PAD)
    return before[np.arange(len(tokens)), _word_counts(tokens)]
