"""What scoring MSR-VTT's test split takes, beside stock pycocoevalcap, same values.

    python benchmarks/evaluate.py [--clips 2990] [--references 20]

2,990 clips with 20 references each, as MSR-VTT's test split has; sentences are drawn
from a grammar of English words, so that METEOR finds stems, synonyms and paraphrases.
All metrics score them, ours and pycocoevalcap's as its `COCOEvalCap` calls them,
tokenising both times; the values are compared. CPU times are those of this process and
of the Java processes that it has started and ended.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import resource
import time
from collections.abc import Iterator, Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_models.metrics import java, meteor, scorer, tokenizer

SUBJECTS = "man woman boy girl chef singer player dog cat crowd child person".split()
ADJECTIVES = "young old tall small happy tired".split()
ACTIONS = (
    "plays|is playing|performs|strums",
    "cooks|is cooking|prepares|makes",
    "drives|is driving|rides|steers",
    "talks about|is talking about|explains|discusses",
    "cuts|is cutting|slices|chops",
    "shows|is showing|presents|displays",
    "runs with|is running with|jogs with|races with",
    "throws|is throwing|tosses|hurls",
    "paints|is painting|draws|sketches",
    "fixes|is fixing|repairs|mends",
)
OBJECTS = (
    "guitar piano violin meal soup noodles car truck bicycle movie game news onion "
    "carrot phone laptop ball stick house picture engine bike"
).split()
PLACES = (
    "in the kitchen|inside a kitchen|at home",
    "on a stage|on the stage|in front of people",
    "in a park|outside|outdoors",
    "on the road|on a street|down the street",
    "in a studio|in a room|indoors",
    "on a field|on the grass|at the stadium",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=2990)
    parser.add_argument("--references", type=int, default=20)
    options = parser.parse_args()
    predictions, references = corpus(options.clips, options.references)
    print(f"{options.clips:,} clips of {options.references} references")
    _compare_metrics(predictions, references)


def corpus(
    clips: int, references: int, seed: int = 0
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Draws a caption and references of each clip: one scene in other words."""
    random = np.random.default_rng(seed)
    captions, texts = {}, {}
    for number in range(clips):
        scene = [random.choice(kinds) for kinds in (SUBJECTS, ACTIONS, OBJECTS, PLACES)]
        *said, last = (_sentence(random, *scene) for _ in range(references + 1))
        captions[f"video{number}"], texts[f"video{number}"] = last, said
    return captions, texts


def _sentence(
    random: np.random.Generator, subject: str, action: str, thing: str, place: str
) -> str:
    words = ["a" if random.random() < 0.7 else "the"]
    if random.random() < 0.3:
        words.append(random.choice(ADJECTIVES))
    words += [subject, random.choice(action.split("|")), "a", thing]
    if random.random() < 0.6:
        words.append(random.choice(place.split("|")))
    return " ".join(words) + ("." if random.random() < 0.2 else "")


def stock_scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Scores as `pycocoevalcap.eval.COCOEvalCap` does, but for SPICE."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    found: dict[str, float] = {}
    with _our_java_on_the_path():
        words = PTBTokenizer()
        theirs = words.tokenize(
            {
                clip: [{"caption": t} for t in texts]
                for clip, texts in references.items()
            }
        )
        ours = words.tokenize(
            {clip: [{"caption": text}] for clip, text in predictions.items()}
        )
        _told("tokeniser")
        bleu, _ = Bleu(4).compute_score(theirs, ours, verbose=0)
        found |= {f"BLEU-{order}": value for order, value in enumerate(bleu, 1)}
        _told("BLEU")
        stock_meteor = Meteor()
        found["METEOR"], _ = stock_meteor.compute_score(theirs, ours)
        stock_meteor.__del__()
        _told("METEOR")
        found["ROUGE-L"], _ = Rouge().compute_score(theirs, ours)
        _told("ROUGE-L")
        found["CIDEr-D"], _ = Cider().compute_score(theirs, ours)
        _told("CIDEr-D")
    return found


@contextlib.contextmanager
def _our_java_on_the_path() -> Iterator[None]:
    """Lets pycocoevalcap call the Java that we call."""
    before = os.environ["PATH"]
    folder = pathlib.Path(java.executable()).parent
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


_last = [0.0, 0.0]


def _clocks() -> tuple[float, float]:
    own, children = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return time.monotonic(), cpu


def _told(part: str) -> None:
    """Prints what has passed since the last call."""
    now = _clocks()
    if part:
        wall, cpu = (a - b for a, b in zip(now, _last, strict=True))
        print(f"  {part:<12}{wall:8.1f} s wall {cpu:8.1f} s CPU", flush=True)
    _last[:] = now


def _compare_metrics(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> None:
    spent = {}
    scores = {}
    for name, score in (("ours", _our_scores), ("pycocoevalcap", stock_scores)):
        print(name)
        _told("")
        before = _clocks()
        scores[name] = score(predictions, references)
        spent[name] = [b - a for a, b in zip(before, _clocks(), strict=True)]
    worst = max(
        abs(value - scores["pycocoevalcap"][name])
        for name, value in scores["ours"].items()
    )
    assert worst < 1e-9, worst
    print(f"largest difference of a score {worst:.1e}")
    for name, (wall, cpu) in spent.items():
        print(f"{name:<14}{wall:8.1f} s wall {cpu:8.1f} s CPU")
    ratios = [b / a for a, b in zip(spent["ours"], spent["pycocoevalcap"], strict=True)]
    print(f"{ratios[0]:.2f} × in wall time, {ratios[1]:.2f} × in CPU time")


def _our_scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    tokenizer._cache.clear()
    found = scorer.score(predictions, references)
    meteor.shared().close()  # so that its CPU time counts
    _told("all")
    return found


if __name__ == "__main__":
    main()
