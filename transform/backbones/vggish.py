"""VGGish (Hershey et al., 2017): embeds 0.96 s of sound in 128 numbers.

The weights are AudioSet's `vggish_model.ckpt`, a TensorFlow 1 checkpoint, and for the
postprocessing `vggish_pca_params.npz`; both are published with the model's definition
in TensorFlow's models repository, research/audioset/vggish.

Notes:
    The embedding is what the last layer gives before any activation. So says the
    published definition since 2020; before, it had a rectifier there, and some ports
    still have. A rectifier would lose all that is below zero, and whoever needs one can
    put it behind.

    One row of the published `pca_eigen_vectors`, the last, has an entry of 45 where all
    others are below 5, so that with `Pca` the last number often is at its bound. It is
    kept, since AudioSet's own features were made so.
"""

from __future__ import annotations

import pathlib
import zipfile
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform.backbones.formats import tf_checkpoint
from transform.common import weight_files
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import Pca, VGGish

PATCH_SHAPE = (96, 64)  # windows, mel bands

_LIMIT = 2.0  # of a whitened component
_LEVELS = 255.0


class Widths(NamedTuple):
    """The widths of the layers; the published network has the defaults."""

    conv1: int = 64
    conv2: int = 128
    conv3: int = 256
    conv4: int = 512
    fc1: int = 4096
    fc2: int = VGGish.width


PUBLISHED = Widths()


def build(widths: Widths = PUBLISHED) -> tf.keras.Model:
    """Builds the network with Keras' initial values, layers named as in the checkpoint.

    Returns:
        A model from (P, 96, 64) log-mel patches to their (P, 128) embeddings.
    """
    patches = tf.keras.Input(PATCH_SHAPE, name="patches")
    x = tf.keras.layers.Reshape((*PATCH_SHAPE, 1), name="image")(patches)
    x = _pool("pool1", _convolve("conv1", widths.conv1, x))
    x = _pool("pool2", _convolve("conv2", widths.conv2, x))
    for name in ("conv3_1", "conv3_2"):
        x = _convolve(name, widths.conv3, x)
    x = _pool("pool3", x)
    for name in ("conv4_1", "conv4_2"):
        x = _convolve(name, widths.conv4, x)
    x = _pool("pool4", x)  # (P, 6, 4, 512)
    x = tf.keras.layers.Flatten(name="flat")(x)
    for name in ("fc1_1", "fc1_2"):
        x = tf.keras.layers.Dense(widths.fc1, activation="relu", name=name)(x)
    x = tf.keras.layers.Dense(widths.fc2, name="fc2")(x)
    return tf.keras.Model(patches, x, name="vggish")


def restore(model: tf.keras.Model, path: pathlib.Path) -> None:
    """Fills a model of `build` from a checkpoint that names the variables alike.

    Raises:
        WeightsError: One is missing or of another shape.
    """
    checkpoint = tf_checkpoint.Checkpoint(path)
    for layer in model.layers:
        if not layer.weights:
            continue
        names = variables_of(layer.name)
        layer.set_weights(
            [
                weight_files.read_tensor(checkpoint, name, weight.shape, path, "vggish")
                for name, weight in zip(names, layer.weights, strict=True)
            ]
        )


def variables_of(layer: str) -> tuple[str, str]:
    """Returns the names of a layer's weights and biases in the checkpoint.

    Layers that are repeated, such as conv3_1, stand in a scope of their group, conv3.
    """
    group, repeated, _ = layer.partition("_")
    scope = f"vggish/{group}/{layer}" if repeated else f"vggish/{layer}"
    return f"{scope}/weights", f"{scope}/biases"


class Whitening(NamedTuple):
    """The postprocessing of AudioSet's released embeddings."""

    directions: np.ndarray  # (128, 128) float32, one component a row
    means: np.ndarray  # (128,) float32

    @classmethod
    def load(cls, path: pathlib.Path) -> Whitening:
        """Reads the components and means of `vggish_pca_params.npz`."""
        width = VGGish.width
        try:
            with np.load(path) as file:
                values = dict(file)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise WeightsError(
                f"{path} is not an .npz file with VGGish's principal components."
            ) from error
        network = "VGGish's postprocessing"
        return cls(
            weight_files.read_tensor(
                values, "pca_eigen_vectors", (width, width), path, network
            ),
            weight_files.read_tensor(values, "pca_means", (width, 1), path, network)[
                :, 0
            ],
        )

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Maps (P, 128) to (P, 128) float32, one of 256 levels between −2 and 2."""
        components = (embeddings - self.means) @ self.directions.T
        clipped = np.clip(components, -_LIMIT, _LIMIT)
        levels = np.floor((clipped + _LIMIT) * (_LEVELS / (2 * _LIMIT)))
        return (levels * (2 * _LIMIT / _LEVELS) - _LIMIT).astype(np.float32)


class Embedder:
    """Maps (P, 96, 64) float32 log-mel patches to (P, 128) float32."""

    def __init__(self, model: tf.keras.Model, whitening: Whitening | None):
        self._whitening = whitening

        @tf.function(input_signature=[tf.TensorSpec([None, *PATCH_SHAPE], tf.float32)])
        def run(patches: tf.Tensor) -> tf.Tensor:
            return model(patches, training=False)

        self._run = run

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        embeddings = self._run(patches).numpy()
        return self._whitening(embeddings) if self._whitening else embeddings


def load(network: WeightsFile, components: WeightsFile | None = None) -> Embedder:
    """Loads the network, with its postprocessing if it has one."""
    model = build()
    if network.path is None:
        weight_files.fill_at_random(model, "vggish")
    else:
        restore(model, network.path)
    if components is None:
        return Embedder(model, None)
    if components.path is None:
        width = VGGish.width
        return Embedder(model, Whitening(np.eye(width), np.zeros(width)))
    return Embedder(model, Whitening.load(components.path))


def find_weights(feature: VGGish) -> WeightsFile:
    """Finds the checkpoint that `feature.weights` names; `random` is for tests."""
    return weight_files.given(
        feature, "vggish", "vggish_model.ckpt", tf_checkpoint.find
    )


def find_components(postprocess: Pca) -> WeightsFile:
    """Finds the file that `postprocess.weights` names; `random` is for tests."""
    if postprocess.weights == weight_files.RANDOM:
        return WeightsFile(None, weight_files.RANDOM)
    return weight_files.find_file(postprocess.weights, "VGGish's postprocessing")


def _convolve(name: str, width: int, x: tf.Tensor) -> tf.Tensor:
    return tf.keras.layers.Conv2D(
        width, 3, padding="same", activation="relu", name=name
    )(x)


def _pool(name: str, x: tf.Tensor) -> tf.Tensor:
    return tf.keras.layers.MaxPooling2D(2, padding="same", name=name)(x)
