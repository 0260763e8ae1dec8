"""A specification, clips and models small enough for every test."""

import numpy as np
import tensorflow as tf

from keras_models.presets import registry
from keras_models.structs import TrainingBatch, VideoBatch
from tests.support import tiny
from transform.schema import (
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    Imported,
    LogMel,
)

SPEC = FeatureSpec(
    sampling=FrameSampling(frames=4, window=3),
    features=(
        Flow(size=8),
        FrameGrid(name="grid", network="tiny", layer="x", size=8, grid=(2, 2), width=6),
        Imported(name="c3d", shape=(3,), max_steps=4),
        LogMel(bands=2, max_patches=3),
        Imported(name="vectors", shape=(3,), max_steps=9),
    ),
)
SMALL = {
    "encoder": {"grid": "grid"},
    "attentions": [{"kind": "additive", "units": 4}],
    "decoder": {"units": 8, "embedding": 5},
}
FLOW = {"encoder": {"spatial": {"channels": [3], "first_stride": 1}}}
WORDS = 9  # V, with the special ids
MAX_WORDS = 5


def config(name="mgsa", **changes):
    """A preset's model with every width cut down."""
    found = registry.get(name).model.override(SMALL)
    if "flow" in found.features():
        found = found.override(FLOW)
    return found.override(changes)


def captioner(name="mgsa", seed=0, **changes):
    """A built model with random weights that make its words differ."""
    sizes = {"words": WORDS, "max_words": MAX_WORDS}
    return tiny.build(config(name, **changes), SPEC, seed, **sizes)


def video(lengths=(4, 2, 1), seed=0, padding=0):
    """Clips of those lengths, padded to 4 steps with `padding`; without sound if 1."""
    random = np.random.default_rng(seed)
    features, masks = {}, {}
    for tensor in SPEC.tensors():
        shape = (len(lengths), tensor.max_steps, *tensor.step_shape)
        if tensor.name == "flow":
            values = random.integers(0, 256, shape).astype(np.uint8)
        else:
            values = random.normal(size=shape).astype(np.float16)
        steps = np.minimum(lengths, tensor.max_steps)
        if tensor.name == "log_mel":
            steps = np.where(steps == 1, 0, steps)
        mask = np.arange(tensor.max_steps) < steps[:, np.newaxis]
        values[~mask] = padding
        features[tensor.name] = tf.constant(values)
        masks[tensor.name] = tf.constant(mask)
    ids = tf.constant([f"clip{index}" for index in range(len(lengths))])
    return VideoBatch(ids, features, masks)


def batch(lengths=(4, 2, 1), captions=2, seed=0, padding=0):
    """The clips with captions of different lengths."""
    random = np.random.default_rng(seed + 1)
    tokens = np.zeros((len(lengths), captions, MAX_WORDS + 1), np.int32)
    for row in tokens.reshape(-1, MAX_WORDS + 1):
        words = random.integers(1, MAX_WORDS + 1)
        row[:words] = random.integers(4, WORDS, words)
        row[words] = 2
    return TrainingBatch(video(lengths, seed, padding), tf.constant(tokens))
