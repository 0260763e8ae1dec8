"""ir-CSN-152 (Tran et al., ICCV 2019): interaction-reduced, channel-separated.

A ResNet-152 whose 3 × 3 × 3 convolutions see one channel each (Fig. 2c); only those of
1 × 1 × 1 mix channels. The first convolution is 3 × 7 × 7 and keeps all frames, layer2,
layer3 and layer4 halve them; there is no pooling over time.

The weights are MMAction2's `ircsn_ig65m-pretrained-r152_…_kinetics400` files (.pth),
trained on IG-65M and Kinetics-400; also its `ircsn_from_scratch_r152_ig65m` file, the
backbone alone. Their names, ε = 0.001 and zeros for padding on all sides are those of
its `ResNet3dCSN` and configurations. ε matters: some variances are next to nothing.

Preprocessing is that of these configurations: the short side scaled to 256, 224 × 224
of it, RGB less ImageNet's mean, by its deviation. They sample every second of 64
frames; a placement's `fps` can do so. MMAction2's conversions of the authors' own
models (`vmz_ircsn_…`) have these names too, but were trained with another mean, and are
not meant here.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from transform.backbones import torch_layers
from transform.backbones.formats.torch_file import StateDict
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import ChunkGrid, PixelInput

EPSILON = 1e-3
Activation = Callable[[tf.Tensor], tf.Tensor]


class ConvModule(tf.keras.layers.Layer):
    """A convolution of videos, batch normalisation, and an activation.

    The normalisation's statistics are constants, so that it is part of the kernel:
    its factor γ / √(σ² + ε) multiplies the kernel, not the maps.

    Args:
        width: outputs.
        window: times, rows, columns; odd. Padding is half of it, on all sides.
        strides: times, rows and columns.
        activation: of the normalised maps.
        name: as in the file: `<name>.conv` and `<name>.bn`.

    Call arguments:
        video: (B, T, rows, columns, C).

    Returns:
        (B, ⌈T / s⌉, ⌈rows / s⌉, ⌈columns / s⌉, width), s the strides.
    """

    def __init__(
        self,
        width: int,
        window: tuple[int, int, int],
        strides: tuple[int, int] = (1, 1),
        activation: Activation = tf.nn.relu,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.width = width
        self.window = window
        self.strides = strides
        self.activation = activation

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the kernel and the normalisation's weights, in the file's order."""
        shape = (*self.window, self.inputs(input_shape[-1]), self.width)
        self.kernel = self.add_weight("kernel", shape)
        each = (self.width,)
        self.gamma = self.add_weight("gamma", each, initializer="ones")
        self.beta = self.add_weight("beta", each, initializer="zeros")
        self.mean = self.add_weight(
            "moving_mean", each, initializer="zeros", trainable=False
        )
        self.variance = self.add_weight(
            "moving_variance", each, initializer="ones", trainable=False
        )

    def call(self, video: tf.Tensor) -> tf.Tensor:
        gain = self.gamma * tf.math.rsqrt(self.variance + EPSILON)  # (width,)
        maps = self.convolve(video, self.kernel * gain)
        maps = tf.nn.bias_add(maps, self.beta - self.mean * gain)
        return self.activation(maps)

    def inputs(self, channels: int) -> int:
        """Returns the number of channels that each output sees."""
        return channels

    def convolve(self, video: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves (B, T, rows, columns, C) with (*window, inputs, width)."""
        pads = [(0, 0), *((length // 2,) * 2 for length in self.window), (0, 0)]
        times, places = self.strides
        strides = (1, times, places, places, 1)
        return tf.nn.conv3d(tf.pad(video, pads), kernel, strides, "VALID")


class DepthwiseModule(ConvModule):
    """A convolution of each channel by itself.

    TensorFlow has none in three dimensions for CPUs. But it is the sum over the
    window's times of a two-dimensional one each, of the frames so much later.
    """

    def inputs(self, channels: int) -> int:
        """Returns 1: an output sees its own channel."""
        del channels
        return 1

    def convolve(self, video: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves (B, T, rows, columns, C) with (*window, 1, C)."""
        before, above, left = (length // 2 for length in self.window)
        times, places = self.strides
        padded = tf.pad(video, [(0, 0), (before, before), *[(0, 0)] * 3])
        # Gathering copies whole frames; slices with a stride are far slower.
        starts = tf.range(0, tf.shape(video)[1], times)  # (T',)
        *_, rows, columns, channels = video.shape
        maps = tf.add_n(
            [
                tf.nn.depthwise_conv2d(
                    tf.reshape(
                        tf.gather(padded, starts + time, axis=1),
                        (-1, rows, columns, channels),
                    ),
                    tf.reshape(plane, (*self.window[1:], channels, 1)),
                    strides=(1, places, places, 1),
                    padding=[(0, 0), (above, above), (left, left), (0, 0)],
                )
                for time, plane in enumerate(tf.unstack(kernel))
            ]
        )
        shape = tf.concat([[-1, tf.size(starts)], maps.shape[1:]], axis=0)
        return tf.ensure_shape(
            tf.reshape(maps, shape), (None, None, *maps.shape[1:])
        )  # (B, T', rows', columns', C)


class IrCSN(NamedTuple):
    """Entry of `registry.CHUNK_NETWORKS`, and the numbers that it is built from.

    Its layers are `layer1` to `layer4`, behind their last rectifiers, and `avg_pool`.
    """

    name: str
    blocks: tuple[int, ...]  # of layer1, layer2, …
    stem: int = 64

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return *(f"layer{n + 1}" for n in range(len(self.blocks))), "avg_pool"

    def build(
        self,
        layer: str = "avg_pool",
        input_shape: tuple[int | None, int, int, int] = (32, 224, 224, 3),
    ) -> tf.keras.Model:
        """Builds the network up to a layer, with Keras' initial values.

        Args:
            layer: one of `layers`.
            input_shape: of a chunk; None frames for any number.

        Returns:
            A model from (B, *input_shape) RGB in 0…255 to the layer's (B, T', rows,
            columns, width), or to (B, width) for the average.

        Raises:
            ConfigError: There is no such layer.
        """
        if layer not in self.layers:
            raise ConfigError(
                f"{self.name} has no layer named {layer!r}; there are "
                f"{', '.join(self.layers)}."
            )
        frames = tf.keras.Input(input_shape, name="frames")
        x = torch_layers.standardised(frames)
        x = ConvModule(self.stem, (3, 7, 7), strides=(1, 2), name="conv1")(x)
        # Behind a rectifier, a border of zeros changes no maximum.
        x = tf.keras.layers.ZeroPadding3D((0, 1, 1))(x)
        x = tf.keras.layers.MaxPooling3D((1, 3, 3), (1, 2, 2), name="maxpool")(x)
        for stage, blocks in enumerate(self.blocks):
            name = f"layer{stage + 1}"
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                x = self._block(x, f"{name}.{block}", stage, stride)
            if name == layer:
                return tf.keras.Model(frames, x, name=self.name)
        x = tf.keras.layers.GlobalAveragePooling3D(name="avg_pool")(x)
        return tf.keras.Model(frames, x, name=self.name)

    def _block(self, maps: tf.Tensor, name: str, stage: int, stride: int) -> tf.Tensor:
        inner = self.stem * 2**stage
        outer = 4 * inner
        strides = (stride, stride)
        shortcut = maps
        if name.endswith(".0"):
            shortcut = ConvModule(
                outer, (1, 1, 1), strides, tf.identity, name=f"{name}.downsample"
            )(maps)
        x = ConvModule(inner, (1, 1, 1), name=f"{name}.conv1")(maps)
        x = DepthwiseModule(inner, (3, 3, 3), strides, name=f"{name}.conv2.0")(x)
        x = ConvModule(outer, (1, 1, 1), activation=tf.identity, name=f"{name}.conv3")(
            x
        )
        x = tf.keras.layers.Add()([x, shortcut])
        return tf.keras.layers.ReLU(name=name)(x)

    def restore(self, model: tf.keras.Model, path: pathlib.Path) -> None:
        """Fills a model of `build` from MMAction2's file.

        Raises:
            WeightsError: It is no file of PyTorch, a weight is missing in it or of
                another shape, or it has some that are not this network's.
        """
        file = StateDict(path)
        prefix = "backbone." if any(n.startswith("backbone.") for n in file) else ""
        tensors = WeightReader(file, path, self.name)
        for layer in model.layers:
            if isinstance(layer, ConvModule):
                name = f"{prefix}{layer.name}"
                shape = layer.kernel.shape
                layer.set_weights(
                    [
                        torch_layers.kernel(tensors, f"{name}.conv", shape),
                        *torch_layers.normalisation(tensors, f"{name}.bn", layer.width),
                    ]
                )
        built = {layer.name.partition(".")[0] for layer in model.layers}
        behind = "|".join(set(self.layers) - built)
        classifier = r"cls_head\.fc_cls\.(weight|bias)"
        tensors.check_all_used(
            re.compile(rf"{torch_layers.COUNTERS}|{classifier}|{prefix}({behind})\..*")
        )

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        """Finds the weights; `random` draws them for tests, else it is a path."""
        return weight_files.given(feature, self.name, "MMAction2's .pth file")

    def model(
        self, feature: ChunkGrid, weights: WeightsFile, *other_features: ChunkGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        features = (feature, *other_features)
        last = deepest(features, self.layers)
        if feature.input != PixelInput():
            raise ConfigError(
                f"feature {feature.name}: {self.name} sees pixels less a mean of its "
                "own; leave `input` out."
            )
        model = self.build(last.layer, last.input_shape)
        if weights.path is None:
            weight_files.fill_at_random(model, self.name)
        else:
            self.restore(model, weights.path)
        return with_outputs(model, *(self._output(each.layer) for each in features))

    def _output(self, layer: str) -> str:
        """Returns Keras' name of the last step of one of `layers`."""
        stages = dict(zip(self.layers, self.blocks, strict=False))
        return f"{layer}.{stages[layer] - 1}" if layer in stages else layer


IR_CSN152 = IrCSN("ir_csn152", blocks=(3, 8, 36, 3))
