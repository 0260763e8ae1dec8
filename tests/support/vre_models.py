"""VRE's models, and clips of different lengths for them, small enough for a test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.presets.vre import PRESETS
from keras_models.structs import TrainingBatch, VideoBatch
from tests.support import tiny
from transform.schema import FeatureSpec, FrameGrid, FrameSampling, Imported

GRID = FrameGrid(
    name="resnet152_grid", network="tiny", layer="top", size=8, grid=(2, 3), width=7
)
SOUND = Imported(name="vggish", shape=(3,), max_steps=2)
SPEC = FeatureSpec(sampling=FrameSampling(frames=6), features=(GRID, SOUND))
LENGTHS = (6, 4, 5, 1)
UNITS = tiny.SETTINGS["units"]


def captioner(name: str = "vre", seed: int = 0, dropout: float = 0.0) -> Captioner:
    """A built model with random weights that tell clips and words apart."""
    config = tiny.shrink(PRESETS[name].model)
    return tiny.build(config.override({"decoder": {"dropout": dropout}}), SPEC, seed)


def grids(lengths: Sequence[int] = LENGTHS, seed: int = 0) -> np.ndarray:
    """(B, 6, 2, 3, 7) random maps; what stands behind a clip's end is not 0."""
    random = np.random.default_rng(seed)
    return random.normal(size=(len(lengths), 6, 2, 3, 7)).astype(np.float16)


def video(
    values: np.ndarray | None = None, lengths: Sequence[int] = LENGTHS
) -> VideoBatch:
    """Clips of those lengths with two patches of sound; the last one has none."""
    clips = len(lengths)
    sound = np.random.default_rng(9).normal(size=(clips, 2, 3)).astype(np.float16)
    mask = np.arange(6) < np.array(lengths)[:, np.newaxis]
    heard = np.ones((clips, 2), bool)
    heard[-1] = False
    return VideoBatch(
        tf.constant([f"clip{clip}" for clip in range(clips)]),
        {
            "resnet152_grid": tf.constant(grids(lengths) if values is None else values),
            "vggish": tf.constant(sound),
        },
        {"resnet152_grid": tf.constant(mask), "vggish": tf.constant(heard)},
    )


def batch(video: VideoBatch, captions: int = 2) -> TrainingBatch:
    """The clips with captions of different lengths."""
    random = np.random.default_rng(5)
    clips, length = len(video.video_id), tiny.MAX_WORDS + 1
    tokens = np.zeros((clips, captions, length), np.int32)
    for row in tokens.reshape(-1, length):
        words = random.integers(1, length)
        row[:words] = random.integers(4, len(tiny.VOCABULARY), words)
        row[words] = 2
    return TrainingBatch(video, tf.constant(tokens))


def context(batch: TrainingBatch) -> ObjectiveContext:
    """What objectives are built from, with a batch's captions as the references."""
    captions = tiny.VOCABULARY.decode(batch.tokens).numpy()
    references = {
        video_id.decode(): tuple(caption.decode() for caption in some)
        for video_id, some in zip(batch.video.video_id.numpy(), captions, strict=True)
    }
    return ObjectiveContext(tiny.VOCABULARY, references, tiny.MAX_WORDS, StepCounters())
