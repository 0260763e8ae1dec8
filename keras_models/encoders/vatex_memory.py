"""Memories for the attention of the VATEX-2019 system: segments, objects or none."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.encoders.feature_views import as_cells, as_vectors
from keras_models.layers.functional.masking import masked_mean
from keras_models.structs import VideoBatch
from keras_models.weight_axes import EncodedSources, Source
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

    def sources(self) -> EncodedSources:
        """Returns no source: the global vector stands for the whole clip."""
        return EncodedSources()


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
    # record features that are joined: of the image and of the motion
    streams: tuple[str, ...] = ("resnext101", "ir_csn")

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the memory is made of."""
        return self.streams

    def build(self, spec: FeatureSpec, units: int) -> SegmentMemory:
        """Returns the layer; raises `ConfigError` unless the streams are aligned."""
        _check_aligned(spec, self.streams, slice(0))  # steps
        return SegmentMemory(self, units, name="memory")

    def sources(self) -> EncodedSources:
        """Returns the first stream, with which the others are aligned."""
        return EncodedSources(Source(feature=self.streams[0]))


class SegmentMemory(tf.keras.layers.Layer):
    """Embeds the segments of a clip: V^t_n = W [image_n, motion_n] + b.

    A segment is masked where all are missing; where only one is, it counts as 0.

    Call arguments:
        video: `VideoBatch`.
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
        masks = [video.masks[name] for name in self.config.streams]
        vectors = [
            as_vectors(video.features[name], mask)
            for name, mask in zip(self.config.streams, masks, strict=True)
        ]
        frames = self.embed(tf.concat(vectors, axis=-1))
        mask = tf.reduce_any(masks, axis=0)
        return VatexMemory(tf.where(mask[..., tf.newaxis], frames, 0), mask)


class ObjectMemoryConfig(Config):
    """The memory of the VATEX-2019 system's spatial branch (Sec. 2.1)."""

    kind: Literal["objects"] = "objects"
    # record features of the same boxes that are joined
    streams: tuple[str, ...] = ("object_image", "object_motion")

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the memory is made of."""
        return self.streams

    def build(self, spec: FeatureSpec, units: int) -> ObjectMemory:
        """Returns the layer; raises `ConfigError` unless the boxes are the same."""
        _check_aligned(spec, self.streams, slice(-1))  # steps and boxes
        return ObjectMemory(self, units, name="memory")

    def sources(self) -> EncodedSources:
        """Returns the first stream, whose boxes are those of the others."""
        objects = Source(feature=self.streams[0])
        return EncodedSources(objects, (objects,))


class ObjectMemory(tf.keras.layers.Layer):
    """Embeds object j of frame n: V^o_nj = W [image_nj, motion_nj] + b.

    A frame with fewer objects than the most has all-zero rows, which are masked.

    Call arguments:
        video: `VideoBatch`; the features have the same boxes, or cells.
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
        streams = [
            as_cells(video.features[name], video.masks[name])
            for name in self.config.streams
        ]
        objects = tf.concat([cells for cells, _ in streams], axis=-1)
        mask = tf.reduce_any([mask for _, mask in streams], axis=0)  # (B, T, R)
        cells = tf.where(mask[..., tf.newaxis], self.embed(objects), 0)
        return VatexMemory(
            masked_mean(cells, mask, axis=2),
            tf.reduce_any(mask, axis=2),
            (cells,),
            (mask,),
        )


def _check_aligned(spec: FeatureSpec, names: tuple[str, ...], inner: slice) -> None:
    """Raises `ConfigError` unless all streams have the same steps and cells."""
    if not names:
        raise ConfigError("encoder.memory.streams is empty: name a feature.")
    tensors = [spec.tensor(name) for name in names]
    sizes = [(tensor.max_steps, *tensor.step_shape[inner]) for tensor in tensors]
    if len(set(sizes)) > 1:
        listed = ", ".join(
            f"{name} {' × '.join(map(str, size))}"
            for name, size in zip(names, sizes, strict=True)
        )
        raise ConfigError(
            "encoder.memory joins its streams place by place, but they have different "
            f"places: {listed}."
        )
