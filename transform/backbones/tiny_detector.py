"""The detector `tiny`: boxes of the moving world's things, in milliseconds a frame.

Every cell of `tiny`'s 14 × 14 layer says whether a thing's middle is there, and how far
from the cell's centre the thing's four sides are (Tian et al., 2019, FCOS). The weights
of that head come with the package; `python -m tools.pretrain_tiny_detector` makes them
anew, for pictures of `SIZE`.
"""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

from transform.backbones import boxes, builtin_weights, tiny
from transform.backbones.boxes import Detections
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import OwnHead, Regions

SIZE = 128  # pixels of a side of the pictures that it was trained on
LAYER = "middle"
STRIDE = 8  # pixels from one cell of the layer to the next
BUILTIN = pathlib.Path(__file__).with_name("tiny_detector.npz")
_WIDTH = 64


def build_head() -> tf.keras.Model:
    """Builds the head: (B, rows, columns, 64) → (B, rows, columns, 5).

    The five are a score before its sigmoid, and the distances of the upper, left, lower
    and right side in cells, before a softplus.
    """
    maps = tf.keras.Input((None, None, tiny.LAYERS[LAYER][-1]))
    x = tf.keras.layers.Conv2D(
        _WIDTH, 3, padding="same", activation="relu", name="shared"
    )(maps)
    x = tf.keras.layers.Conv2D(5, 1, name="answers")(x)
    return tf.keras.Model(maps, x, name="tiny_detector")


def split(answers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits the head's answers into scores and distances.

    Args:
        answers: (…, 5).

    Returns:
        Scores (…) before their sigmoid, and distances (…, 4) in pixels.
    """
    return answers[..., 0], STRIDE * tf.nn.softplus(answers[..., 1:])


def centres(size: int) -> np.ndarray:
    """Returns the centres (rows, columns, 2) of the cells of a picture: y, x."""
    middles = (np.arange(size // STRIDE) + 0.5) * STRIDE
    return np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).astype(np.float32)


class TinyDetector(tf.keras.Model):
    """Finds the things in frames.

    Args:
        feature: the number of regions, their selection, their most overlap.
        head: of `build_head`.

    Call arguments:
        frames: (B, size, size, 3) float32 RGB in 0…255, black around the frame.
        window: (4,) float32 rows and columns between which the frames lie.

    Returns:
        `Detections` in shares of the frame without its black border; all of them of
        class 1, with no features.
    """

    def __init__(self, feature: Regions, head: tf.keras.Model):
        super().__init__(name="tiny_detector")
        self.size = feature.size
        self.count = feature.count
        self.selection = feature.select
        self.nms = feature.nms
        self.maps = tiny.build(LAYER, feature.size)
        self.head = head

    def call(self, frames: tf.Tensor, window: tf.Tensor) -> Detections:
        scores, sides = split(self.head(self.maps(frames)))
        middles = centres(self.size)
        edges = tf.concat([middles - sides[..., :2], middles + sides[..., 2:]], -1)
        edges = boxes.within(boxes.clip(edges, window), window)  # (B, H, W, 4)
        batch = tf.shape(frames)[0]
        cells = (self.size // STRIDE) ** 2
        edges = tf.reshape(edges, [batch, cells, 1, 4])
        thing = tf.reshape(tf.sigmoid(scores), [batch, cells, 1])
        return boxes.select(
            tf.tile(edges, [1, 1, 2, 1]),
            tf.concat([1.0 - thing, thing], axis=-1),  # background, thing
            tf.zeros([batch, cells, 0]),
            selection=self.selection,
            count=self.count,
            overlap=self.nms,
        )


class _TinyDetector:
    """Entry of `registry.DETECTORS` for the tiny network's detector."""

    def weights(self, feature: Regions) -> WeightsFile:
        """Finds the weights: `builtin` ones, `random` ones for tests, or a path.

        Raises:
            ConfigError: The feature wants vectors of the detector's own.
        """
        if isinstance(feature.source, OwnHead):
            raise ConfigError(
                f"feature {feature.name}: detector tiny has no vectors of its own; "
                "set `source` to a frame_map or a chunk_map."
            )
        return builtin_weights.find(feature, "the detector tiny", BUILTIN)

    def model(self, feature: Regions, weights: WeightsFile) -> TinyDetector:
        """Builds the network with its weights, for pictures of `feature.size`."""
        head = build_head()
        if weights.path is None:
            weight_files.fill_at_random(head, "tiny_detector")
        else:
            builtin_weights.restore(
                head,
                weights.path,
                "the detector tiny",
                "tools.pretrain_tiny_detector",
            )
        return TinyDetector(feature, head)


DETECTOR = _TinyDetector()
