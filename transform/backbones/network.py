"""`Network` and `ChunkNetwork`: the interfaces of the networks in `registry`."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from transform.common.weight_files import WeightsFile
from transform.schema import ChunkGrid, FrameGrid


class Network(Protocol):
    """Interface of a 2-D network: it finds its weights and builds its model."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that features can be made of; () where too many to list."""
        ...

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds, or downloads, the file that `feature.weights` names."""
        ...

    def model(
        self, feature: FrameGrid, weights: WeightsFile, *other_features: FrameGrid
    ) -> tf.keras.Model:
        """Builds a model from frames to the layer's map.

        (N, size, size, 3) float32 RGB in 0…255 → the layer's map.

        The map is (N, rows, columns, width), or (N, width) for a vector. Preprocessing
        is part of the model. Where there are features other than this one, which differ
        from it in what they take of the network, it is a list of all their maps.
        """
        ...


class ChunkNetwork(Protocol):
    """Interface of a 3-D network: it finds its weights and builds its model."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that features can be made of; () where too many to list."""
        ...

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        """Finds, or downloads, the file that `feature.weights` names."""
        ...

    def model(
        self, feature: ChunkGrid, weights: WeightsFile, *other_features: ChunkGrid
    ) -> tf.keras.Model:
        """Builds a model from chunks of frames to the layer's map.

        (B, *feature.input_shape) float32 → the layer's map.

        The input is RGB in 0…255, or optical flow in [−1, 1]; its number of frames is
        None for whole clips: any multiple of `feature.chunk`. The map is (B, times,
        rows, columns, width), or (B, width) for a vector. Preprocessing is part of the
        model. Other features are as in `Network.model`.
        """
        ...
