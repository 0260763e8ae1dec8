import string

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.reference import mask_rcnn as reference
from transform.backbones import loading, mask_rcnn
from transform.backbones.mask_rcnn import MaskRCNN, Sizes
from transform.common import weight_files
from transform.common.weight_files import WeightsError
from transform.schema import FeatureSpec, Objects, Regions

SMALL = Sizes(blocks=(1, 2, 2, 1), stem=4, pyramid=6, proposals=5, head=12, classes=4)
SIZE = 128
WINDOW = (16, 0, 112, 128)


# What `mask_rcnn_coco.h5` of Matterport's Mask_RCNN 2.0 holds, layer by layer; h5py
# shows it as `<layer>/<layer>/<weight>:0`, and the proposal network's three below
# `rpn_model`.
def convolution(kernel, inputs, outputs):
    return {"kernel": (kernel, kernel, inputs, outputs), "bias": (outputs,)}


def norm(width):
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    return {part: (width,) for part in parts}


def layers(sizes):
    """Layer → weight → shape, without the mask head."""
    table = {"conv1": convolution(7, 3, sizes.stem), "bn_conv1": norm(sizes.stem)}
    inputs = sizes.stem
    for stage, blocks in zip((2, 3, 4, 5), sizes.blocks, strict=True):
        width = sizes.stem * 2 ** (stage - 2)
        for letter in string.ascii_lowercase[:blocks]:
            block = f"{stage}{letter}_branch"
            table[f"res{block}2a"] = convolution(1, inputs, width)
            table[f"res{block}2b"] = convolution(3, width, width)
            table[f"res{block}2c"] = convolution(1, width, 4 * width)
            table |= {f"bn{block}{x}": norm(width) for x in ("2a", "2b")}
            table[f"bn{block}2c"] = norm(4 * width)
            if letter == "a":
                table[f"res{block}1"] = convolution(1, inputs, 4 * width)
                table[f"bn{block}1"] = norm(4 * width)
            inputs = 4 * width
    for level in (2, 3, 4, 5):
        inputs = sizes.stem * 2**level
        table[f"fpn_c{level}p{level}"] = convolution(1, inputs, sizes.pyramid)
        table[f"fpn_p{level}"] = convolution(3, sizes.pyramid, sizes.pyramid)
    table["rpn_conv_shared"] = convolution(3, sizes.pyramid, sizes.proposals)
    table["rpn_class_raw"] = convolution(1, sizes.proposals, 6)
    table["rpn_bbox_pred"] = convolution(1, sizes.proposals, 12)
    table["mrcnn_class_conv1"] = convolution(7, sizes.pyramid, sizes.head)
    table["mrcnn_class_bn1"] = norm(sizes.head)
    table["mrcnn_class_conv2"] = convolution(1, sizes.head, sizes.head)
    table["mrcnn_class_bn2"] = norm(sizes.head)
    for layer, outputs in (("class_logits", 1), ("bbox_fc", 4)):
        outputs *= sizes.classes
        table[f"mrcnn_{layer}"] = {"kernel": (sizes.head, outputs), "bias": (outputs,)}
    return table


def mask_head(sizes):
    width = sizes.pyramid
    table = {f"mrcnn_mask_conv{n}": convolution(3, width, width) for n in range(1, 5)}
    table |= {f"mrcnn_mask_bn{n}": norm(width) for n in range(1, 5)}
    table["mrcnn_mask_deconv"] = convolution(2, width, width)
    table["mrcnn_mask"] = convolution(1, width, sizes.classes)
    return table


def flat(table):
    return {
        f"{layer}/{weight}": shape
        for layer, parts in table.items()
        for weight, shape in parts.items()
    }


def count(table):
    return sum(int(np.prod(shape)) for shape in flat(table).values())


def write(path, table, values=None):
    """A file as Keras writes it; without values its weights take no space."""
    with h5py.File(path, "w") as file:
        for name, shape in flat(table).items():
            layer, weight = name.split("/")
            outer = "rpn_model" if layer.startswith("rpn_") else layer
            where = f"{outer}/{layer}/{weight}:0"
            if values is None:
                file.create_dataset(where, shape, np.float32)
            else:
                file[where] = values[name]
    return path


def draw(table, seed):
    """Random weights under which a picture has objects of every class."""
    rng = np.random.default_rng(seed)
    values = {}
    for name, shape in flat(table).items():
        kind = name.split("/")[1]
        if kind in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, shape)
        elif kind == "kernel":
            value = rng.normal(size=shape) * np.prod(shape[:-1]) ** -0.5
        else:
            value = rng.normal(scale=0.3, size=shape)
        values[name] = value.astype(np.float32)
    values["bn_conv1/moving_variance"] *= 1e4  # pixels vary by about a hundred
    # Features are positive: of weights with a mean, one class would always win.
    values["mrcnn_class_logits/kernel"] -= values["mrcnn_class_logits/kernel"].mean(0)
    values["mrcnn_class_logits/bias"] *= 0
    return values


@pytest.fixture(scope="module")
def values():
    return draw(layers(SMALL) | mask_head(SMALL), seed=11)


@pytest.fixture(scope="module")
def file(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn_coco.h5"
    return write(path, layers(SMALL) | mask_head(SMALL), values)


@pytest.fixture(scope="module")
def small():
    """A network as no published file has it, without its weights."""
    model = MaskRCNN(SIZE, count=8, select=Objects(min_score=0.0), nms=0.3, sizes=SMALL)
    mask_rcnn.build(model)
    return model


@pytest.fixture(scope="module")
def detector(small, file):
    """The same with the file's weights."""
    mask_rcnn.load_weights(small, file, "mask_rcnn")
    return small


def detect(model, frames, window=WINDOW):
    found = model(tf.cast(frames, tf.float32), tf.constant(window, tf.float32))
    return type(found)(*(values.numpy() for values in found))


def pictures():
    """Two frames with rectangles, black around them."""
    rng = np.random.default_rng(5)
    frames = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    y1, x1, y2, x2 = WINDOW
    for frame in frames:
        frame[y1:y2, x1:x2] = rng.integers(0, 256, 3)
        for _ in range(6):
            y, x = rng.integers(y1, y2 - 20), rng.integers(x1, x2 - 20)
            high, wide = rng.integers(10, 50, 2)
            frame[y : min(y + high, y2), x : x + wide] = rng.integers(0, 256, 3)
    return frames


# ----------------------------------------------------------------- architecture


@pytest.fixture(scope="module")
def published():
    model = MaskRCNN(size=64, count=10, select=Objects(), nms=0.3)
    mask_rcnn.build(model)
    return model


def test_weights_have_the_names_and_shapes_of_the_published_file(published):
    found = {
        f"{layer.name}/{weight.name.rpartition('/')[2][:-2]}": tuple(weight.shape)
        for layer in published.submodules
        if isinstance(layer, tf.keras.layers.Layer) and not list(layer.submodules)
        for weight in layer.weights
    }
    assert found == flat(layers(Sizes()))


def test_number_of_weights_is_the_published_one(published):
    # Keras' summary of Matterport's model for COCO: 64,158,584 with the mask head.
    assert published.count_params() == count(layers(Sizes())) == 61_510_951
    assert count(mask_head(Sizes())) == 64_158_584 - 61_510_951


def test_file_of_the_published_shapes_is_read(published, tmp_path):
    path = write(tmp_path / "coco.h5", layers(Sizes()) | mask_head(Sizes()))
    mask_rcnn.load_weights(published, path, "mask_rcnn")
    for weight in published.weights:
        assert not np.any(weight.numpy().ravel()[:10])


# ----------------------------------------------------------------------- values


def test_detections_are_those_of_the_reference(detector, values):
    frames = pictures()
    found = detect(detector, frames)
    seen = set()
    for frame in range(2):
        expected = reference.detect(
            frames[frame].astype(float),
            {name: value.astype(float) for name, value in values.items()},
            SMALL.blocks,
            WINDOW,
            count=8,
            min_score=0.0,
            nms=0.3,
        )
        number = len(expected)
        boxes, scores, classes, features = zip(*expected, strict=True)
        np.testing.assert_array_equal(found.classes[frame, :number], classes)
        np.testing.assert_allclose(found.scores[frame, :number], scores, rtol=1e-4)
        np.testing.assert_allclose(
            found.boxes[frame, :number], boxes, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            found.features[frame, :number], features, rtol=1e-4, atol=1e-4
        )
        for array in found:
            assert not np.any(array[frame, number:])
        seen.update(classes)
    assert len(seen) > 1


def test_frames_do_not_influence_each_other(detector):
    frames = pictures()
    together = detect(detector, frames)
    for frame in range(2):
        alone = detect(detector, frames[frame : frame + 1])
        for one, two in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[frame], two[0], rtol=1e-4, atol=1e-5)


def test_frame_in_which_nothing_passes_gives_zeros(detector):
    strict = MaskRCNN(
        SIZE, count=8, select=Objects(min_score=1.0), nms=0.3, sizes=SMALL
    )
    mask_rcnn.build(strict)
    strict.set_weights(detector.get_weights())
    found = detect(strict, pictures())
    assert found.boxes.shape == (2, 8, 4)
    assert found.features.shape == (2, 8, SMALL.head)
    for array in found:
        assert not np.any(array)


# ---------------------------------------------------------------- the weight file


def test_mask_head_may_be_left_out(small, values, tmp_path):
    path = write(tmp_path / "faster.h5", layers(SMALL), values)
    mask_rcnn.load_weights(small, path, "faster_rcnn")


def test_missing_weight_is_named(small, values, tmp_path):
    table = layers(SMALL)
    del table["fpn_p4"]
    path = write(tmp_path / "part.h5", table, values)
    with pytest.raises(
        WeightsError, match=r"part\.h5 does not fit x: .* fpn_p4/kernel"
    ):
        mask_rcnn.load_weights(small, path, "x")


def test_weight_of_another_shape_is_named(small, values, tmp_path):
    other = dict(values, **{"mrcnn_bbox_fc/bias": np.zeros(8, np.float32)})
    path = write(tmp_path / "two.h5", layers(SMALL), other)
    with pytest.raises(
        WeightsError, match=r"mrcnn_bbox_fc/bias has shape \[8\], not \[16\]"
    ):
        mask_rcnn.load_weights(small, path, "x")


def test_weights_of_a_deeper_network_are_not_passed_over(small, tmp_path):
    table = layers(SMALL._replace(blocks=(1, 2, 3, 1)))
    path = write(tmp_path / "deep.h5", table, draw(table, seed=1))
    with pytest.raises(WeightsError, match="x, which has no bn4c_branch2a/beta"):
        mask_rcnn.load_weights(small, path, "x")


def test_file_of_another_kind_is_refused(small, tmp_path):
    path = tmp_path / "mask_rcnn_coco.h5"
    path.write_text("weights")
    with pytest.raises(WeightsError, match="is not an HDF5 file, the format of x's"):
        mask_rcnn.load_weights(small, path, "x")


def test_no_detector_comes_with_the_package():
    with pytest.raises(
        WeightsError, match=r"no weights of faster_rcnn.*mask_rcnn_coco"
    ):
        loading.load_detector(Regions(name="r", detector="faster_rcnn"))


def test_hash_of_the_file_becomes_part_of_the_specification(file):
    spec = FeatureSpec(features=(Regions(name="r", weights=str(file)),))
    resolved = loading.resolve(spec)
    assert resolved.features[0].weights_sha256 == weight_files.file_sha256(file)
    assert resolved.content_hash != spec.content_hash
    elsewhere = spec.features[0].replace(weights="elsewhere")
    assert FeatureSpec(features=(elsewhere,)).content_hash == spec.content_hash
