"""Normalisation and names of weights that networks of PyTorch share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from transform.backbones.weight_reader import WeightReader

MEAN = (123.675, 116.28, 103.53)  # 255 times 0.485, 0.456, 0.406
DEVIATION = (58.395, 57.12, 57.375)  # 255 times 0.229, 0.224, 0.225

# Counts of training steps that batch normalisations keep.
COUNTERS = r".*\.num_batches_tracked"


def standardised(frames: tf.Tensor) -> tf.Tensor:
    """Standardises (…, 3) RGB in 0…255 by ImageNet's mean and deviation."""
    variance = [deviation**2 for deviation in DEVIATION]
    return tf.keras.layers.Normalization(mean=MEAN, variance=variance)(frames)


def kernel(tensors: WeightReader, name: str, shape: Sequence[int]) -> np.ndarray:
    """Reads the kernel of a convolution from a file of PyTorch.

    Args:
        tensors: of the file; its kernels are (outputs, inputs of a group, …).
        name: the module's.
        shape: (…, inputs of a group, outputs), TensorFlow's order of axes.

    Returns:
        The kernel, of that shape.

    Raises:
        WeightsError: It is missing or of another shape.
    """
    *window, inputs, outputs = shape
    value = tensors.read(f"{name}.weight", (outputs, inputs, *window))
    return np.moveaxis(value, (0, 1), (-1, -2))


def normalisation(tensors: WeightReader, name: str, width: int) -> list[np.ndarray]:
    """Reads a batch normalisation's γ, β, mean and variance: (width,) each.

    Raises:
        WeightsError: One is missing or of another shape.
    """
    parts = ("weight", "bias", "running_mean", "running_var")
    return [tensors.read(f"{name}.{part}", (width,)) for part in parts]
