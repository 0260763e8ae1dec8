"""Weights that come with the package: small .npz files of float16."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from transform.common import weight_files
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import ChunkGrid, FrameGrid, Regions


def save(values: Mapping[str, np.ndarray], path: pathlib.Path) -> None:
    """Writes `<layer>/kernel` and `<layer>/bias` as float16, always the same bytes."""
    halves = {name: values[name].astype(np.float16) for name in sorted(values)}
    with path.open("wb") as file:
        np.savez(file, **halves)


def restore(model: tf.keras.Model, path: pathlib.Path, network: str, tool: str) -> None:
    """Fills the layers that have weights.

    Args:
        model: layers with a kernel and a bias each.
        path: of the file.
        network: the network's name.
        tool: the module that makes the file.

    Raises:
        WeightsError: The file lacks a weight, or has it in another shape.
    """
    try:
        with np.load(path) as file:
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(
                        [
                            file[f"{layer.name}/{part}"].astype(np.float32)
                            for part in ("kernel", "bias")
                        ]
                    )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path} does not hold the weights of {network} ({error}); make them with "
            f"`python -m {tool}`."
        ) from error


def find(
    feature: FrameGrid | ChunkGrid | Regions, network: str, builtin: pathlib.Path
) -> WeightsFile:
    """Finds the weights: `builtin` ones, `random` ones for tests, or a path."""
    if feature.weights == weight_files.RANDOM:
        return WeightsFile(None, weight_files.RANDOM)
    if feature.weights == "builtin":
        path = builtin
    else:
        path = weight_files.find(feature.weights, network)
    return WeightsFile(path, weight_files.file_sha256(path))
