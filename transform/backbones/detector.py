"""`DetectorNetwork`: the interface of the detectors in `registry.DETECTORS`."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from transform.common.weight_files import WeightsFile
from transform.schema import Regions


class DetectorNetwork(Protocol):
    """Interface of a detector: it finds its weights and builds its model."""

    def weights(self, feature: Regions) -> WeightsFile:
        """Finds the file that `feature.weights` names."""
        ...

    def model(self, feature: Regions, weights: WeightsFile) -> tf.keras.Model:
        """Builds a model from frames and a window to `Detections`.

        (B, size, size, 3) float32 RGB in 0…255, (4,) window → `Detections`.

        The window says between which rows and columns the frames lie. Boxes are shares
        of the frame, at most `feature.count`, those that `feature.select` selects.
        Preprocessing is part of the model.
        """
        ...
