"""Memories for the attention of the VATEX-2019 system: segments, objects or none."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.masking import masked_mean, present_regions
from keras_models.structs import VideoBatch
from transform.common.config import Config, ConfigError
from transform.schema import FeatureSpec


class VatexMemory(NamedTuple):
    """The parts of `EncodedVideo` that attention reads."""

    frames: tf.Tensor  # (B, T, D)
    frame_mask: tf.Tensor  # (B, T) bool
    grids: tuple[tf.Tensor, ...] = ()
    grid_masks: tuple[tf.Tensor, ...] = ()


class GlobalMemoryConfig(Config):
    """The memory of the vanilla model, which attends to nothing."""

    kind: Literal["global"] = "global"

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the memory is made of."""
        return ()

    def build(self, spec: FeatureSpec, units: int) -> GlobalMemory:
        """Returns the layer that this configuration describes."""
        del spec, units
        return GlobalMemory(name="memory")


class GlobalMemory(tf.keras.layers.Layer):
    """Represents the clip by one frame, the global vector v̄.

    Call arguments:
        video: `VideoBatch`, unused.
        summary: (B, D).

    Returns:
        `VatexMemory`.
    """

    def call(self, video: VideoBatch, summary: tf.Tensor) -> VatexMemory:
        del video
        frames = summary[:, tf.newaxis]
        return VatexMemory(frames, tf.ones_like(frames[..., 0], tf.bool))


class SegmentMemoryConfig(Config):
    """The memory of the VATEX-2019 system's temporal branch (Sec. 2.1)."""

    kind: Literal["segments"] = "segments"
    image: str = "resnext101"  # record features, one vector a segment
    motion: str = "ir_csn"  # the motion feature beside the image feature

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the memory is made of."""
        return (self.image, self.motion)

    def build(self, spec: FeatureSpec, units: int) -> SegmentMemory:
        """Returns the layer; image and motion must be aligned, else `ConfigError`."""
        image, motion = (spec.tensor(name).max_steps for name in self.features())
        if image != motion:
            raise ConfigError(
                f"encoder.memory joins {self.image} and {self.motion} segment by "
                f"segment, but they have {image} and {motion} of them."
            )
        return SegmentMemory(self, units, name="memory")


class SegmentMemory(tf.keras.layers.Layer):
    """Embeds the segments of a clip: V^t_n = W [image_n, motion_n] + b.

    A segment is masked where both are missing; where only one is, it counts as 0.

    Call arguments:
        video: `VideoBatch`; the two features are (B, T, ·).
        summary: (B, D), unused.

    Returns:
        `VatexMemory` with V^t as its frames.
    """

    def __init__(self, config: SegmentMemoryConfig, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.embed = tf.keras.layers.Dense(units, name="embed")

    def call(self, video: VideoBatch, summary: tf.Tensor) -> VatexMemory:
        del summary
        names = self.config.features()
        frames = self.embed(tf.concat([video.features[n] for n in names], axis=-1))
        mask = video.masks[names[0]] | video.masks[names[1]]
        return VatexMemory(tf.where(mask[..., tf.newaxis], frames, 0), mask)


class ObjectMemoryConfig(Config):
    """The memory of the VATEX-2019 system's spatial branch (Sec. 2.1)."""

    kind: Literal["objects"] = "objects"
    image: str = "object_image"  # record features (objects, ·): at most 10 a frame
    motion: str = "object_motion"  # the objects' motion vectors

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the memory is made of."""
        return (self.image, self.motion)

    def build(self, spec: FeatureSpec, units: int) -> ObjectMemory:
        """Returns the layer; both features must be of the same boxes."""
        tensors = [spec.tensor(name) for name in self.features()]
        image, motion = ((t.max_steps, *t.step_shape[:-1]) for t in tensors)
        if image != motion or len(image) != 2:
            raise ConfigError(
                f"encoder.memory joins {self.image} and {self.motion} object by "
                f"object, but their frames and objects are {image} and {motion}."
            )
        return ObjectMemory(self, units, name="memory")


class ObjectMemory(tf.keras.layers.Layer):
    """Embeds object j of frame n: V^o_nj = W [image_nj, motion_nj] + b.

    A frame with fewer objects than the most has all-zero rows, which are masked.

    Call arguments:
        video: `VideoBatch`; the two features are (B, T, R, ·).
        summary: (B, D), unused.

    Returns:
        `VatexMemory` with V^o as its only grid, and the objects' means as its frames.
    """

    def __init__(self, config: ObjectMemoryConfig, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.embed = tf.keras.layers.Dense(units, name="embed")

    def call(self, video: VideoBatch, summary: tf.Tensor) -> VatexMemory:
        del summary
        names = self.config.features()
        objects = tf.concat([video.features[name] for name in names], axis=-1)
        mask = present_regions(objects, video.masks[names[0]] | video.masks[names[1]])
        cells = tf.where(mask[..., tf.newaxis], self.embed(objects), 0)
        return VatexMemory(
            masked_mean(cells, mask, axis=2),
            tf.reduce_any(mask, axis=2),
            (cells,),
            (mask,),
        )
