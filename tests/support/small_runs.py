"""A tiny training run, also as a program that may be killed: see `main`."""

from __future__ import annotations

import hashlib
import os
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from keras_models.presets.preset_training import PresetTrainingConfig
from keras_models.training.callbacks.callback import Callback
from keras_models.training.captioner_training import TrainingResult, train
from keras_models.training.distribution import MultiWorker
from tests.support import corpora

CROSS_ENTROPY = {
    "name": "cross_entropy",
    "objective": {"kind": "cross_entropy"},
    "epochs": 2,
    "learning_rate": {"kind": "constant", "rate": 0.01},
    "l2": 1e-5,
}
SCHEDULED_SAMPLING = {
    "name": "scheduled_sampling",
    "objective": {
        "kind": "cross_entropy",
        "scheduled_sampling": {"kind": "constant", "probability": 0.25},
    },
    "epochs": 4,
    "learning_rate": {"kind": "constant", "rate": 0.01},
    "averaging": {"kind": "moving", "decay": 0.9},
}
SELF_CRITICAL = {
    "name": "self_critical",
    "objective": {"kind": "self_critical", "samples": 2},
    "epochs": 2,
    "learning_rate": {"kind": "constant", "rate": 0.01},
}


def settings(*stages: dict[str, Any], **changes: Any) -> PresetTrainingConfig:
    """MGSA, as small as it gets."""
    return PresetTrainingConfig.from_dict(
        {
            "variant": "mgsa",
            "model": {
                "encoder": {"grid": "tiny", "spatial": {"channels": [2]}},
                "attentions": [{"kind": "additive", "units": 4}],
                "decoder": {"units": 8, "embedding": 4, "dropout": 0.3},
            },
            "plan": {"stages": stages or (CROSS_ENTROPY, SELF_CRITICAL)},
            "batch": {"kind": "clips", "size": 8, "captions": 2},
            "max_words": 4,
            "checkpoint_steps": 2,
            "guards": {"floor": 10},
            **changes,
        }
    )


def run(
    folder: pathlib.Path,
    config: PresetTrainingConfig,
    *callbacks: Callback,
    **options: Any,
) -> TrainingResult:
    """Trains on a corpus in `folder`, which is written if it is not there."""
    training = corpora.write(folder / "train")
    validation = corpora.write(folder / "val", clips=6, seed=1)
    preset = config.preset()
    return train(
        config,
        preset.model,
        preset.plan,
        training.spec,
        training.files,
        validation.files,
        options.pop("vocabulary", training.vocabulary),
        folder / "runs",
        callbacks,
        **options,
    )


def weights_digest(result: TrainingResult) -> str:
    """Tells apart best weights that differ in a bit."""
    content = [weight.numpy().tobytes() for weight in result.model.captioner.weights]
    return hashlib.sha256(b"".join(content)).hexdigest()


def digest(result: TrainingResult) -> str:
    """Tells apart runs that differ in a bit, in the best weights or in the last state.

    The state holds the last weights, the optimizer's moments and all generators.
    """
    content = [weights_digest(result).encode()]
    state = tf.train.load_checkpoint(f"{result.folder}/checkpoints")
    for name in sorted(state.get_variable_to_shape_map()):
        if not name.startswith(("trainer_state", "_CHECKPOINTABLE", "save_counter")):
            content.append(name.encode() + np.asarray(state.get_tensor(name)).tobytes())
    return hashlib.sha256(b"".join(content)).hexdigest()


def main(folder: str, *stages: str) -> None:
    """Trains by the stages named and prints the run's digest."""
    every = (CROSS_ENTROPY, SCHEDULED_SAMPLING, SELF_CRITICAL)
    known = {stage["name"]: stage for stage in every}
    config = settings(*(known[name] for name in stages))
    if "TF_CONFIG" in os.environ:  # one of several workers
        config = config.replace(distribution=MultiWorker())
        config.distribution.strategy()
        print(weights_digest(run(pathlib.Path(folder), config)))
    else:
        print(digest(run(pathlib.Path(folder), config)))


if __name__ == "__main__":
    main(*sys.argv[1:])
