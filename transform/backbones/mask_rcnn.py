"""Mask R-CNN on a pyramid of ResNet-101's maps, as Matterport published it for COCO.

He et al., 2017, with the pyramid of Lin et al., 2017. Layers have the names of
`mask_rcnn_coco.h5`, the Keras weights of Matterport's Mask_RCNN. The mask head is left
out: regions are boxes and their features, and a Faster R-CNN is what remains.
"""

from __future__ import annotations

import pathlib
import re
import string
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from transform.backbones import boxes
from transform.backbones.boxes import Detections
from transform.backbones.formats.keras_h5 import KerasWeights
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.weight_files import WeightsFile
from transform.schema import Regions, RegionSelection

_MEAN = (123.7, 116.8, 103.9)  # RGB
_STRIDES = (4, 8, 16, 32, 64)  # of P2…P6
_SIDES = (32, 64, 128, 256, 512)  # of their anchors
_RATIOS = (0.5, 1.0, 2.0)
_BINS = 7
_MASK_HEAD = re.compile(r"mrcnn_mask(_(conv|bn)\d|_deconv)?/\w+")


class Sizes(NamedTuple):
    """Depth and width of the network; the published weights have the defaults."""

    blocks: tuple[int, int, int, int] = (3, 4, 23, 3)  # of stages 2 to 5
    stem: int = 64
    pyramid: int = 256
    proposals: int = 512
    head: int = 1024
    classes: int = 81  # COCO's 80 and the background


_PUBLISHED = Sizes()


class MaskRCNN(tf.keras.Model):
    """Finds the regions of frames with a Faster R-CNN.

    Args:
        size: of the square pictures, a multiple of 64.
        count: regions a frame at the most.
        select: Which boxes are regions.
        nms: intersection over union beyond which, of two regions of one class, the one
            of the lower score is suppressed.
        sizes: of the network.

    Call arguments:
        frames: (B, size, size, 3) float32 RGB in 0…255, black around the frame.
        window: (4,) float32 rows and columns between which the frames lie.

    Returns:
        `Detections` in shares of the frame without its black border; their features
        are what the box head says before it classifies (B, count, 1024).
    """

    def __init__(
        self,
        size: int,
        count: int,
        select: RegionSelection,
        nms: float,
        sizes: Sizes = _PUBLISHED,
    ):
        super().__init__(name="mask_rcnn")
        self.size = size
        self.count = count
        self.select = select
        self.nms = nms
        anchors = boxes.pyramid_anchors(size, _SIDES, _RATIOS, _STRIDES)
        self.anchors = boxes.to_indexed(anchors, size)  # (A, 4)
        self.trunk = ResNet(sizes)
        self.pyramid = FeaturePyramid(sizes.pyramid)
        self.proposals = ProposalNetwork(sizes.proposals)
        self.head = BoxHead(sizes.head, sizes.classes)

    def call(self, frames: tf.Tensor, window: tf.Tensor) -> Detections:
        levels = self.pyramid(self.trunk(frames - _MEAN))  # P2…P6
        scores, deltas = self.proposals(levels)
        proposals = boxes.propose(scores, deltas, self.anchors)  # (B, R, 4)
        samples = boxes.sample_pyramid(levels[:4], proposals, self.size, _BINS)
        features, probabilities, deltas = self.head(samples)
        refined = boxes.refine(proposals[:, :, tf.newaxis], deltas)  # (B, R, K, 4)
        found = boxes.select(
            boxes.clip(refined, boxes.to_indexed(window, self.size)),
            probabilities,
            features,
            selection=self.select,
            count=self.count,
            overlap=self.nms,
        )
        shares = boxes.within(boxes.to_pixels(found.boxes, self.size), window)
        present = found.scores[..., tf.newaxis] > 0
        return found._replace(boxes=tf.where(present, shares, 0.0))


# ----------------------------------------------------------------------- layers


class ResNet(tf.keras.layers.Layer):
    """ResNet (He et al., 2016) with the stride in a block's first convolution.

    (B, size, size, 3) → the last maps of stages 2 to 5, sides size/4 … size/32.
    """

    def __init__(self, sizes: Sizes):
        super().__init__(name="resnet")
        self.border = tf.keras.layers.ZeroPadding2D(3)
        self.stem = _convolution(sizes.stem, 7, "conv1", stride=2)
        self.norm = _normalisation("bn_conv1")
        self.pool = tf.keras.layers.MaxPool2D(3, 2, padding="same")
        self.stages = [
            [
                Bottleneck(
                    sizes.stem * 2 ** (stage - 2),
                    f"{stage}{letter}",
                    stride=2 if stage > 2 and letter == "a" else 1,
                    projects=letter == "a",
                )
                for letter in string.ascii_lowercase[:blocks]
            ]
            for stage, blocks in enumerate(sizes.blocks, 2)
        ]

    def call(self, picture: tf.Tensor) -> list[tf.Tensor]:
        x = self.pool(tf.nn.relu(self.norm(self.stem(self.border(picture)))))
        maps = []
        for blocks in self.stages:
            for block in blocks:
                x = block(x)
            maps.append(x)
        return maps


class Bottleneck(tf.keras.layers.Layer):
    """1×1, 3×3 and 1×1 convolutions around which the input is led.

    Args:
        width: of the two inner maps; the outer one is four times as wide.
        name: of stage and block, as in 2a.
        stride: of the first convolution.
        projects: whether the way around is a convolution.
    """

    def __init__(self, width: int, name: str, stride: int, projects: bool):
        super().__init__(name=f"res{name}")
        self.reduce = _convolution(width, 1, f"res{name}_branch2a", stride=stride)
        self.reduce_norm = _normalisation(f"bn{name}_branch2a")
        self.spatial = _convolution(width, 3, f"res{name}_branch2b", padding="same")
        self.spatial_norm = _normalisation(f"bn{name}_branch2b")
        self.expand = _convolution(4 * width, 1, f"res{name}_branch2c")
        self.expand_norm = _normalisation(f"bn{name}_branch2c")
        self.around: list[tf.keras.layers.Layer] = []
        if projects:
            self.around = [
                _convolution(4 * width, 1, f"res{name}_branch1", stride=stride),
                _normalisation(f"bn{name}_branch1"),
            ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        inner = tf.nn.relu(self.reduce_norm(self.reduce(x)))
        inner = tf.nn.relu(self.spatial_norm(self.spatial(inner)))
        for layer in self.around:
            x = layer(x)
        return tf.nn.relu(self.expand_norm(self.expand(inner)) + x)


class FeaturePyramid(tf.keras.layers.Layer):
    """Maps of all sizes that are equally wide (Lin et al., 2017).

    C2…C5 → P2…P6: each level also has what the coarser ones know; P6 is every other
    cell of P5.
    """

    def __init__(self, width: int):
        super().__init__(name="pyramid")
        self.lateral = [
            _convolution(width, 1, f"fpn_c{level}p{level}") for level in range(2, 6)
        ]
        self.smooth = [
            _convolution(width, 3, f"fpn_p{level}", padding="same")
            for level in range(2, 6)
        ]
        self.enlarge = tf.keras.layers.UpSampling2D(2)

    def call(self, maps: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        levels = [self.lateral[3](maps[3])]  # from P5 downwards
        for lateral, values in zip(self.lateral[2::-1], maps[2::-1], strict=True):
            levels.append(self.enlarge(levels[-1]) + lateral(values))
        smooth = [
            convolution(level)
            for convolution, level in zip(self.smooth, levels[::-1], strict=True)
        ]
        return [*smooth, smooth[-1][:, ::2, ::2]]


class ProposalNetwork(tf.keras.layers.Layer):
    """Scores every anchor for objects, and says how to move it onto them.

    P2…P6 → scores (B, A) in 0…1 and deltas (B, A, 4).
    """

    def __init__(self, width: int):
        super().__init__(name="rpn_model")
        self.shared = _convolution(width, 3, "rpn_conv_shared", padding="same")
        self.score = _convolution(2 * len(_RATIOS), 1, "rpn_class_raw")
        self.delta = _convolution(4 * len(_RATIOS), 1, "rpn_bbox_pred")

    def call(self, levels: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        scores, deltas = [], []
        for level in levels:
            shared = tf.nn.relu(self.shared(level))
            batch = tf.shape(level)[0]
            anchors = level.shape[1] * level.shape[2] * len(_RATIOS)
            score = tf.reshape(self.score(shared), [batch, anchors, 2])
            scores.append(tf.nn.softmax(score)[..., 1])
            deltas.append(tf.reshape(self.delta(shared), [batch, anchors, 4]))
        return tf.concat(scores, axis=1), tf.concat(deltas, axis=1)


class BoxHead(tf.keras.layers.Layer):
    """Classifies the content of boxes and refines their edges.

    (B, R, 7, 7, D) → features (B, R, width), probabilities (B, R, K) and deltas for
    each class (B, R, K, 4).
    """

    def __init__(self, width: int, classes: int):
        super().__init__(name="box_head")
        self.classes = classes
        self.first = _convolution(width, _BINS, "mrcnn_class_conv1")
        self.first_norm = _normalisation("mrcnn_class_bn1")
        self.second = _convolution(width, 1, "mrcnn_class_conv2")
        self.second_norm = _normalisation("mrcnn_class_bn2")
        self.logits = tf.keras.layers.Dense(
            classes, kernel_initializer="zeros", name="mrcnn_class_logits"
        )
        self.delta = tf.keras.layers.Dense(
            4 * classes, kernel_initializer="zeros", name="mrcnn_bbox_fc"
        )

    def call(self, samples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        batch, count = tf.shape(samples)[0], samples.shape[1]
        x = tf.reshape(samples, [-1, *samples.shape[2:]])
        x = tf.nn.relu(self.first_norm(self.first(x)))
        x = tf.nn.relu(self.second_norm(self.second(x)))  # (B · R, 1, 1, width)
        features = tf.reshape(x, [batch, count, x.shape[-1]])
        deltas = tf.reshape(self.delta(features), [batch, count, self.classes, 4])
        return features, tf.nn.softmax(self.logits(features)), deltas


def _convolution(
    width: int, kernel: int, name: str, stride: int = 1, padding: str = "valid"
) -> tf.keras.layers.Conv2D:
    return tf.keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding=padding,
        kernel_initializer="zeros",  # always loaded
        name=name,
    )


def _normalisation(name: str) -> tf.keras.layers.BatchNormalization:
    return tf.keras.layers.BatchNormalization(name=name)


# ---------------------------------------------------------------------- weights


def load_weights(model: MaskRCNN, path: pathlib.Path, name: str) -> None:
    """Loads every weight from a file in Matterport's format, but for the mask head's.

    Raises:
        WeightsError: One is missing, has another shape or is not known.
    """
    with KerasWeights(path, name) as file:
        reader = WeightReader(file, path, name)
        for layer in model.submodules:
            if isinstance(layer, _WEIGHTED):
                layer.set_weights(
                    [
                        reader.read(_key(layer, weight), weight.shape)
                        for weight in layer.weights
                    ]
                )
        reader.check_all_used(_MASK_HEAD)


_WEIGHTED = (
    tf.keras.layers.Conv2D,
    tf.keras.layers.BatchNormalization,
    tf.keras.layers.Dense,
)


def _key(layer: tf.keras.layers.Layer, weight: tf.Variable) -> str:
    return f"{layer.name}/{weight.name.rpartition('/')[2].partition(':')[0]}"


class MatterportDetector(NamedTuple):
    """Entry of `registry.DETECTORS` for Matterport's network."""

    name: str
    sizes: Sizes = _PUBLISHED

    def weights(self, feature: Regions) -> WeightsFile:
        """Finds the weights; `random` draws them for tests, else it is a path."""
        return weight_files.given(feature, self.name, "Matterport's mask_rcnn_coco.h5")

    def model(self, feature: Regions, weights: WeightsFile) -> MaskRCNN:
        """Builds the network with its weights, for pictures of `feature.size`."""
        model = MaskRCNN(
            feature.size, feature.count, feature.select, feature.nms, self.sizes
        )
        build(model)
        if weights.path is None:
            weight_files.fill_at_random(model, self.name)
        else:
            load_weights(model, weights.path, self.name)
        return model


def build(model: MaskRCNN) -> None:
    """Creates the weights, without a picture being looked at."""
    frames = tf.keras.Input((model.size, model.size, 3), batch_size=1)
    window = tf.keras.Input((), batch_size=4)  # four edges
    model(frames, window)


MASK_RCNN = MatterportDetector("mask_rcnn")
# The same network and file: a mask head changes no box.
FASTER_RCNN = MatterportDetector("faster_rcnn")
