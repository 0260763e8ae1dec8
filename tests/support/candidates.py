"""Evidence of candidates, good and bad, beside a baseline: captions, not models."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from keras_models.evaluation.evaluate import derangements
from keras_models.metrics.scorer import MetricStatistics, Scorer
from serving.gates.evidence import Captioned, Cost, Evidence, Served

METRICS = ("BLEU-4", "CIDEr-D")
SUBJECTS = ("a man", "a woman", "a dog", "two children", "a girl", "an old cook")
ACTIONS = ("plays a guitar", "rides a horse", "runs in a park", "cuts an onion")
PLACES = ("outside", "in a kitchen", "on a stage")
CLIPS = [f"clip{number:03}" for number in range(72)]


def _references(number: int) -> tuple[str, ...]:
    subject, action = SUBJECTS[number % 6], ACTIONS[(number // 6) % 4]
    place = PLACES[number // 24]
    return (
        f"{subject} {action} {place}",
        f"{subject} {action}",
        f"{place} {subject} {action}",
    )


REFERENCES = {clip: _references(number) for number, clip in enumerate(CLIPS)}
CATEGORIES = {
    f"category={place}": tuple(CLIPS[24 * row : 24 * (row + 1)])
    for row, place in enumerate(("sport", "food", "music"))
}


@functools.cache
def scorer() -> Scorer:
    return Scorer(REFERENCES)


def captioned(captions: Mapping[str, str], name: str = "the candidate") -> Captioned:
    return Captioned(name, captions, scorer().collect(captions, METRICS))


def speaking(right: float, seed: int = 0) -> dict[str, str]:
    """Captions of which a share is right; the others are those of other clips."""
    order = np.random.default_rng(seed).permutation(len(CLIPS))
    hits = order < right * len(CLIPS)
    others = np.roll(np.arange(len(CLIPS)), 1 + seed)
    return {
        clip: REFERENCES[clip if hit else CLIPS[other]][0]
        for clip, hit, other in zip(CLIPS, hits, others, strict=True)
    }


@functools.cache
def baseline() -> Captioned:
    return captioned(speaking(0.7), "version 7")


def evidence(captions: Mapping[str, str], **changes: object) -> Evidence:
    """The evidence of a candidate that only its captions tell from a good one."""
    model = captioned(captions)
    constant = dict.fromkeys(captions, "a man plays a guitar outside")
    shuffled = derangements(captions, 1, 0)[0]
    found = Evidence(
        model=model,
        controls=(
            captioned(constant, "the best constant caption"),
            captioned(shuffled, "captions of other clips"),
        ),
        log_probs=dict.fromkeys(captions, -3.0),
        slices=CATEGORIES,
        wanted=len(CLIPS),
        baseline=baseline(),
        baseline_clips=len(CLIPS),
        leaks={"the candidate": (), "version 7": ()},
        cost=Cost(0.1, 30, 1_000_000),
        baseline_cost=Cost(0.1, 30, 1_000_000),
        served=Served("", dict(list(captions.items())[:20]), 400_000_000),
    )
    return found._replace(**changes)


def simulated(
    random: np.random.Generator, clips: int, fall: float, spread: float = 0.45
) -> Evidence:
    """Scores of two models on the same clips, the first worse by `fall` on average.

    Clips differ in how hard they are, and two trainings of one model in what they make
    of a clip: `spread` is the standard deviation of the difference, as two seeds of
    one configuration have it.
    """
    hardness = random.gamma(2.0, 0.5, clips)
    noise = random.normal(0, spread / np.sqrt(2), (2, clips))
    ids = tuple(f"{number:05}" for number in range(clips))
    ours, theirs = hardness - fall + noise[0], hardness + noise[1]
    texts = dict(zip(ids, ids, strict=True))
    sides = [
        Captioned(name, texts, MetricStatistics(ids, {"CIDEr-D": values[:, None]}))
        for name, values in (("the candidate", ours), ("version 7", theirs))
    ]
    quarters = {f"category={part}": ids[part::4] for part in range(4)}
    return Evidence(
        model=sides[0],
        controls=(),
        slices=quarters,
        wanted=clips,
        baseline=sides[1],
        champion=sides[1],
    )
