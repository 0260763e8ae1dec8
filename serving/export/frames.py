"""The signature `caption_frames`: from pictures of key frames to captions, in graph.

Whoever calls it needs no network and no TensorFlow: a decoder, optical flow and an
encoder of pictures do.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_models.structs import VideoBatch
from serving.common import signature_names
from transform.backbones import loading
from transform.records import example_codec, feature_bytes
from transform.records.picture_features import maps_of, others_of
from transform.schema import SPEC_HASH, FeatureSpec


class FrameFeatures:
    """Computes a specification's features from pictures, in graph.

    Args:
        spec: The features: those of one 2-D network at the key frames, and others that
            records hold as pictures or as text, as flow is.

    Raises:
        ConfigError: Others are among them.
        WeightsError: The network's weights are not to be had.
    """

    def __init__(self, spec: FeatureSpec):
        self._spec = spec
        self._maps = maps_of(spec)
        self._network = loading.load(*self._maps)

    def inputs(self) -> dict[str, tf.TensorSpec]:
        """Returns what the signature takes, by name."""
        steps = self._spec.sampling.frames
        strings = tf.TensorSpec([None], tf.string)
        return {
            signature_names.FRAMES: tf.TensorSpec([None, steps], tf.string),
            **{tensor.name: strings for tensor in others_of(self._spec)},
            SPEC_HASH: strings,
        }

    def video(self, inputs: dict[str, tf.Tensor]) -> VideoBatch:
        """Returns the clips whose pictures these are."""
        spec_hash = inputs[SPEC_HASH]
        check = example_codec.require_spec(spec_hash, self._spec)
        with tf.control_dependencies([check]):
            pictures = tf.identity(inputs[signature_names.FRAMES])  # (B, T)
            features, masks = {}, {}
            for tensor in others_of(self._spec):
                data = tf.identity(inputs[tensor.name])
                values, mask = example_codec.decode_batch(data, tensor)
                features[tensor.name], masks[tensor.name] = values, mask
        present = tf.strings.length(pictures) > 0  # (B, T)
        layouts = [self._spec.tensor(each.name) for each in self._maps]
        computed = tf.map_fn(
            self._of_clip,
            pictures,
            fn_output_signature=[
                tf.TensorSpec([layout.max_steps, *layout.step_shape], tf.float16)
                for layout in layouts
            ],
            parallel_iterations=1,  # a clip's maps take some 100 MB
        )
        for layout, values in zip(layouts, computed, strict=True):
            ones = [1] * len(layout.step_shape)
            shape = [-1, layout.max_steps, *ones]
            kept = tf.reshape(tf.cast(present, tf.float16), shape)
            features[layout.name], masks[layout.name] = values * kept, present
        return VideoBatch(tf.identity(spec_hash), features, masks)

    def _of_clip(self, pictures: tf.Tensor) -> list[tf.Tensor]:
        """Returns each feature of a clip, (T, …) float16, from (T,) pictures."""
        size = self._maps[0].size
        frames = tf.map_fn(
            lambda data: _decoded(data, size),
            pictures,
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
        )
        maps = self._network.model(tf.cast(frames, tf.float32), training=False)
        return [
            tf.cast(tf.reshape(values, [-1, *each.grid, each.width]), tf.float16)
            for each, values in zip(self._maps, tf.nest.flatten(maps), strict=True)
        ]


def blank_inputs(spec: FeatureSpec) -> dict[str, object]:
    """Returns the inputs of a clip of black pictures, for a server's warm-up."""
    size = maps_of(spec)[0].size
    black = tf.io.encode_jpeg(np.zeros((size, size, 3), np.uint8)).numpy()
    inputs: dict[str, object] = {
        signature_names.FRAMES: [[black] * spec.sampling.frames],
        SPEC_HASH: [spec.content_hash],
    }
    for tensor in others_of(spec):
        blank = np.zeros((tensor.max_steps, *tensor.step_shape), tensor.dtype)
        inputs[tensor.name] = [feature_bytes.encode_tensor(blank, tensor)]
    return inputs


def _decoded(data: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes a JPEG or PNG of a key frame; no bytes are black."""
    picture = tf.cond(
        tf.equal(tf.strings.length(data), 0),
        lambda: tf.zeros([size, size, 3], tf.uint8),
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    return tf.ensure_shape(picture, [size, size, 3])
