"""What a frozen network is to the rest: weights to find, a model to build."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from transform.backbones.weights import WeightsFile
from transform.schema import FrameGrid


class Network(Protocol):
    """One entry of `transform.backbones.NETWORKS`."""

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds, or downloads, the file that `feature.weights` names."""
        ...

    def model(self, feature: FrameGrid, weights: WeightsFile) -> tf.keras.Model:
        """(N, size, size, 3) float32 RGB in 0…255 → the layer's map.

        Preprocessing is part of the model.
        """
        ...
