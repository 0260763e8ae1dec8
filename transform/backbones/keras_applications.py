"""Networks of `keras.applications`, with the weights and preprocessing published."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import NamedTuple

import h5py
import tensorflow as tf

from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import Published, WeightsError, WeightsFile
from transform.schema import FrameGrid

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications"
# Keras counts these up over a process' lifetime: they name no layer for good.
_COUNTED = re.compile(
    r"(conv2d|batch_normalization|activation|concatenate|lambda|\w+pooling2d)(_\d+)?"
)


class Application(NamedTuple):
    """Entry of `registry.NETWORKS`: Keras' constructor and the published weights."""

    name: str
    constructor: Callable[..., tf.keras.Model]
    preprocess: Callable[[tf.Tensor], tf.Tensor]
    top: frozenset[str]  # the classifier's layers, behind the last map
    whole: Published
    headless: Published

    @property
    def layers(self) -> tuple[str, ...]:
        """No names: any of the hundreds that Keras gives will do."""
        return ()

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights: downloaded `imagenet`, `random` for tests, or a path."""
        if feature.weights == weight_files.RANDOM:
            return WeightsFile(None, weight_files.RANDOM)
        if feature.weights == "builtin":
            raise WeightsError(
                f"feature {feature.name}: no weights of {self.name} come with "
                "Kinescribe; set `weights` to imagenet or to the path of an .h5 file."
            )
        if feature.weights == "imagenet":
            published = self.whole if feature.layer in self.top else self.headless
            path = published.download()
        else:
            path = weight_files.find(feature.weights, self.name)
        return WeightsFile(path, weight_files.file_sha256(path))

    def model(
        self, feature: FrameGrid, weights_file: WeightsFile, *other_features: FrameGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers, preprocessing included."""
        layers = [each.layer for each in (feature, *other_features)]
        in_top = next((layer for layer in layers if layer in self.top), "")
        whole = bool(in_top)
        if weights_file.path:
            whole = _has_classifier(weights_file.path, self.name)
            if in_top and not whole:
                raise WeightsError(
                    f"{weights_file.path} has no classifier, but layer {in_top} of "
                    f"{self.name} is part of it; use the weights with top."
                )
        network = self.constructor(
            include_top=whole, weights=None, input_shape=(feature.size,) * 2 + (3,)
        )
        if weights_file.path is None:
            weight_files.fill_at_random(network, self.name)
        else:
            _load(network, weights_file, self.name)
        frames = tf.keras.Input((feature.size, feature.size, 3))
        outputs = [
            self._layer(network, each).output for each in (feature, *other_features)
        ]
        cut = tf.keras.Model(network.input, outputs)
        return tf.keras.Model(frames, cut(self.preprocess(frames)))

    def _layer(
        self, network: tf.keras.Model, feature: FrameGrid
    ) -> tf.keras.layers.Layer:
        names = [layer.name for layer in network.layers[1:]]
        lasting = [name for name in names if not _COUNTED.fullmatch(name)]
        if feature.layer in lasting:
            return network.get_layer(feature.layer)
        near = difflib.get_close_matches(feature.layer, lasting, n=3, cutoff=0.5)
        raise ConfigError(
            f"feature {feature.name}: {self.name} has no layer named "
            f"{feature.layer!r}; there are {', '.join(near or lasting[-3:])}, …"
        )


def _has_classifier(path: object, network: str) -> bool:
    try:
        with h5py.File(path) as file:
            return "predictions" in file.get("model_weights", file)
    except OSError as error:
        raise WeightsError(
            f"{path} is not an HDF5 file, the format of {network}'s weights ({error})."
        ) from error


def _load(model: tf.keras.Model, file: WeightsFile, network: str) -> None:
    try:
        model.load_weights(file.path)
    except (ValueError, OSError, KeyError) as error:
        said = " ".join(str(error).split())
        raise WeightsError(f"{file.path} does not fit {network}: {said}") from error
    # Keras fills layers in the file's order, whatever their names are.
    layers = [layer.name for layer in model.layers if layer.weights]
    for stored, name in zip(_stored_layers(file.path), layers, strict=False):
        if stored != name and stored in layers and not _COUNTED.fullmatch(stored):
            raise WeightsError(
                f"{file.path} does not fit {network}: it has {stored} where {name} "
                "belongs."
            )


def _stored_layers(path: object) -> list[str]:
    """Returns the layers with weights; none of a file that has no order of its own."""
    with h5py.File(path) as file:
        group = file.get("model_weights", file)
        names = [
            name.decode() if isinstance(name, bytes) else name
            for name in group.attrs.get("layer_names", ())
        ]
        return [name for name in names if len(group[name].attrs["weight_names"])]


def _resnet(name: str, constructor: Callable, whole: str, headless: str) -> Application:
    stem = f"{_BASE}/resnet/{name}_weights_tf_dim_ordering_tf_kernels"
    return Application(
        name=name,
        constructor=constructor,
        preprocess=tf.keras.applications.resnet.preprocess_input,
        top=frozenset({"avg_pool", "predictions"}),
        whole=Published(f"{stem}.h5", whole),
        headless=Published(f"{stem}_notop.h5", headless),
    )


RESNET50 = _resnet(
    "resnet50",
    tf.keras.applications.ResNet50,
    whole="2cb95161c43110f7111970584f804107",
    headless="4d473c1dd8becc155b73f8504c6f6626",
)

RESNET101 = _resnet(
    "resnet101",
    tf.keras.applications.ResNet101,
    whole="f1aeb4b969a6efcfb50fad2f0c20cfc5",
    headless="88cf7a10940856eca736dc7b7e228a21",
)

RESNET152 = _resnet(
    "resnet152",
    tf.keras.applications.ResNet152,
    whole="100835be76be38e30d865e96f2aaae62",
    headless="ee4c566cf9a93f14d82f913c2dc6dd0c",
)

INCEPTION_RESNET_V2 = Application(
    name="inception_resnet_v2",
    constructor=tf.keras.applications.InceptionResNetV2,
    preprocess=tf.keras.applications.inception_resnet_v2.preprocess_input,
    top=frozenset({"avg_pool", "predictions"}),
    whole=Published(
        f"{_BASE}/inception_resnet_v2/"
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        "e693bd0210a403b3192acc6073ad2e96",
    ),
    headless=Published(
        f"{_BASE}/inception_resnet_v2/"
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "d19885ff4a710c122648d3b5c3b684e4",
    ),
)

VGG16 = Application(
    name="vgg16",
    constructor=tf.keras.applications.VGG16,
    preprocess=tf.keras.applications.vgg16.preprocess_input,
    top=frozenset({"flatten", "fc1", "fc2", "predictions"}),
    whole=Published(
        f"{_BASE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "64373286793e3c8b2b4e3219cbf3544b",
    ),
    headless=Published(
        f"{_BASE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "6d6bbae143d832006294945121d1f1fc",
    ),
)
