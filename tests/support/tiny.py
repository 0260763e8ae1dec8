"""Every model at a size that tests can afford: same structure, other numbers.

No two widths that could be mistaken for each other are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.presets import registry
from keras_models.structs import TrainingBatch, VideoBatch
from transform.records.vocabulary import Vocabulary
from transform.schema import (
    Category,
    Feature,
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    Imported,
    Label,
    LogMel,
    Png,
)

STEPS = 3
MAX_WORDS = 4
VOCABULARY = Vocabulary("abcdefgh")  # V = 12

# A setting of that name, wherever it stands in a model, takes that value.
SETTINGS: Mapping[str, Any] = {
    "units": 6,
    "embedding": 5,
    "channels": [2],
    "width": 7,
    "filters": 9,  # as wide as c3d_pool5
    "dropout": 0.0,
}


def _grid(name: str) -> FrameGrid:
    return FrameGrid(
        name=name, network="tiny", layer="top", size=8, grid=(2, 2), width=8
    )


def _imported(name: str, *shape: int, steps: int = STEPS) -> Imported:
    return Imported(name=name, shape=shape, max_steps=steps)


_FEATURES: tuple[Feature, ...] = (
    Flow(size=8, encoding=Png()),
    LogMel(bands=2, max_patches=2),
    _grid("inception_resnet_v2"),
    _grid("resnet152_grid"),
    _imported("googlenet", 2, 2, 8),
    _imported("c3d", 9),
    _imported("audio_words", 3, steps=1),
    Category(names=("animals", "music", "sports")),
    _imported("i3d_rgb", 2, 2, 8),
    _imported("i3d_flow", 2, 2, 8),
    _imported("c3d_chunks", 2, 2, 9),
    _imported("c3d_pool5", 2, 2, 9),
    _imported("c3d_pool2", 14, 14, 2, steps=8 * STEPS),
    _imported("c3d_pool3", 7, 7, 3, steps=4 * STEPS),
    _imported("c3d_pool4", 3, 3, 4, steps=2 * STEPS),
    _imported("c3d_fc7", 10, steps=2 * STEPS - 1),
    _imported("rcnn_regions", 2, 8),
    _imported("resnext101", 8),
    _imported("ir_csn", 9),
    _imported("vggish", 4, steps=2),
    _imported("object_image", 2, 8),
    _imported("object_motion", 2, 9),
)
FEATURES: Mapping[str, Feature] = {feature.name: feature for feature in _FEATURES}


def shrink(config: CaptionerConfig) -> CaptionerConfig:
    """The model with every width lowered, and without dropout."""

    def lower(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: SETTINGS.get(key, lower(item)) for key, item in value.items()}
        return [lower(item) for item in value] if isinstance(value, list) else value

    return CaptionerConfig.from_dict(lower(config.to_dict()))


def spec(config: CaptionerConfig) -> FeatureSpec:
    """What it reads, with small features."""
    return FeatureSpec(
        sampling=FrameSampling(frames=STEPS, window=2),
        features=tuple(FEATURES[name] for name in config.features()),
    )


def captioner(
    name: str = "mgsa", seed: int = 0, shaken: bool = True, **changes: Any
) -> Captioner:
    """A preset's model at these sizes, with some settings changed."""
    config = shrink(registry.get(name).model).override(changes)
    return build(config, spec(config), seed, shaken)


def build(
    config: CaptionerConfig,
    spec: FeatureSpec,
    seed: int = 0,
    shaken: bool = True,
    words: int = len(VOCABULARY),
    max_words: int = MAX_WORDS,
) -> Captioner:
    """A built model, with weights that tell clips and words apart if it is shaken."""
    tf.keras.utils.set_random_seed(seed)
    model = Captioner(config, spec, words, max_words).build_from_spec()
    if shaken:
        shake(model, seed)
    return model


def shake(model: tf.keras.Model, seed: int = 0) -> None:
    """Gives a model random weights that are large enough to tell inputs apart."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(random.normal(0, 0.7, weight.shape))


def batch(spec: FeatureSpec, seed: int = 0) -> TrainingBatch:
    """A whole clip and one that lacks its last steps, with two captions each."""
    random = np.random.default_rng(seed)
    features, masks = {}, {}
    for tensor in spec.tensors():
        shape = (2, tensor.max_steps, *tensor.step_shape)
        if isinstance(tensor.encoding, Label):
            values = np.eye(shape[-1], dtype=np.float16)[
                random.integers(0, 2, shape[:2])
            ]
        elif tensor.dtype == "float16":
            values = random.normal(size=shape).astype(np.float16)
        else:
            values = random.integers(0, 256, shape, np.uint8)
        mask = np.ones(shape[:2], bool)
        mask[1, max(1, tensor.max_steps - 1) :] = False
        features[tensor.name], masks[tensor.name] = values, mask
    tokens = np.array(
        [[[4, 5, 6, 2, 0], [7, 2, 0, 0, 0]], [[8, 9, 2, 0, 0], [10, 11, 4, 5, 2]]]
    )
    video = VideoBatch(
        tf.constant(["whole", "short"]),
        {name: tf.constant(values) for name, values in features.items()},
        {name: tf.constant(mask) for name, mask in masks.items()},
    )
    return TrainingBatch(video, tf.constant(tokens, tf.int32))
