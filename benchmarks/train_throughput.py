"""Clips a second by cross-entropy and by REINFORCE, and the rewards' share of a step.

    python benchmarks/train_throughput.py [--rounds 5]

The demo's model on random clips: at the demo's batch, and at 64 clips with 5 captions
each, read or sampled. Rewards are CIDEr-D + BLEU-4 against 20 references a clip of a
corpus of 2000 clips; their time is taken inside of the very steps that are timed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

import tensorflow as tf  # noqa: E402

from keras_models.captioner import Captioner  # noqa: E402
from keras_models.objectives.cross_entropy import CrossEntropy  # noqa: E402
from keras_models.objectives.objective import ObjectiveContext, StepCounters  # noqa: E402
from keras_models.objectives.rewards import RewardConfig, RewardEngine  # noqa: E402
from keras_models.objectives.self_critical import SelfCritical  # noqa: E402
from keras_models.structs import TrainingBatch, VideoBatch  # noqa: E402
from keras_models.training.plan import Stage  # noqa: E402
from keras_models.training.train_step import TrainStep  # noqa: E402
from pipeline import configs  # noqa: E402
from transform.backbones import loading  # noqa: E402
from transform.records.vocabulary import Vocabulary  # noqa: E402

CLIPS, REFERENCES, SAMPLES = 2000, 20, 5
VOCABULARY = Vocabulary(f"word{number}" for number in range(500))
STAGES = (
    Stage(name="cross-entropy", epochs=1, objective=CrossEntropy()),
    Stage(
        name="REINFORCE",
        epochs=1,
        objective=SelfCritical(reward=RewardConfig(bleu_4=1.0), samples=SAMPLES),
    ),
)


class Timed(NamedTuple):
    """Medians over the rounds."""

    step: float  # seconds
    rewards: float  # seconds of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = Table("objective", "clips × captions", "ms a step", "clips/s", "rewards")
    for clips in (configs.find("demo").training.batch.size, 64):
        for stage in STAGES:
            found = measure(stage, clips, options.rounds)
            share = f"{found.rewards / found.step:.1%}" if found.rewards else "–"
            table.add_row(
                stage.name,
                f"{clips} × {SAMPLES}",
                f"{1000 * found.step:.0f}",
                f"{clips / found.step:.1f}",
                share,
            )
    Console().print(table)


def measure(stage: Stage, clips: int, rounds: int) -> Timed:
    """A stage's updates, after one that is not counted."""
    settings = configs.find("demo")
    training, spec = settings.training, loading.resolve(settings.features)
    random = np.random.default_rng(0)
    model = Captioner(
        training.preset().model, spec, len(VOCABULARY), training.max_words
    ).build_from_spec()
    counters = StepCounters()
    context = ObjectiveContext(
        VOCABULARY, references(random), training.max_words, counters
    )
    train_step = TrainStep(model, stage, stage.objective.build(context), counters, 1)
    batch = training_batch(random, model, clips)
    steps: list[float] = []
    with RewardClock() as rewards:
        for _ in range(1 + rounds):
            rewards.seconds.append(0.0)
            began = time.perf_counter()
            train_step(batch)
            steps.append(time.perf_counter() - began)
    return Timed(statistics.median(steps[1:]), statistics.median(rewards.seconds[1:]))


class RewardClock:
    """Adds the time of every `RewardEngine.score` to the last of `seconds`."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __enter__(self) -> RewardClock:
        self._score = score = RewardEngine.score
        seconds = self.seconds

        def timed(engine: RewardEngine, *arguments: np.ndarray) -> np.ndarray:
            began = time.perf_counter()
            values = score(engine, *arguments)
            seconds[-1] += time.perf_counter() - began
            return values

        RewardEngine.score = timed  # type: ignore[assignment, method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        RewardEngine.score = self._score  # type: ignore[assignment, method-assign]


def references(random: np.random.Generator) -> dict[str, tuple[str, ...]]:
    """Captions of 6 to 14 words, most of a clip's from a few of its own."""
    words = np.array(VOCABULARY.words[4:])
    found = {}
    for clip in range(CLIPS):
        own = words[random.zipf(1.3, 40) % len(words)]
        found[f"clip{clip}"] = tuple(
            " ".join(random.choice(own, random.integers(6, 15)))
            for _ in range(REFERENCES)
        )
    return found


def training_batch(
    random: np.random.Generator, model: Captioner, clips: int
) -> TrainingBatch:
    """Random clips, each with as many captions as are sampled."""
    features, masks = {}, {}
    for tensor in model.spec.tensors():
        shape = (clips, tensor.max_steps, *tensor.step_shape)
        if tensor.name == "flow":
            values = tf.constant(random.integers(100, 156, shape), tf.uint8)
        else:
            values = tf.constant(random.normal(size=shape), tf.float16)
        features[tensor.name] = values
        masks[tensor.name] = tf.ones(shape[:2], tf.bool)
    ids = tf.constant([f"clip{clip}" for clip in range(clips)])
    shape = (clips, SAMPLES, model.max_words + 1)
    tokens = tf.constant(random.integers(4, len(VOCABULARY), shape), tf.int32)
    return TrainingBatch(VideoBatch(ids, features, masks), tokens)


if __name__ == "__main__":
    main()
