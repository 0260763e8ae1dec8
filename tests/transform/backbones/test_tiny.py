"""The built-in backbone: what its map tells, and that it tells the same each time."""

import subprocess
import sys

import numpy as np
import pytest

from tools import pretrain_tiny
from transform.backbones import builtin_weights, loading, tiny
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError, file_sha256
from transform.moving_world.motions import Pose, Rest
from transform.moving_world.scenes import Actor, Background, Shot, Thing
from transform.schema import FrameGrid

FEATURE = FrameGrid(
    name="tiny", network="tiny", layer="grid", size=112, grid=(7, 7), width=64
)


@pytest.fixture(scope="module")
def pictures() -> pretrain_tiny.Batch:
    """Pictures of another seed than the weights were trained with."""
    return next(pretrain_tiny.training_batches(seed=10**6, size=480))


@pytest.fixture(scope="module")
def grids(pictures) -> np.ndarray:
    return loading.load(FEATURE)(pictures.frames)[0]


def test_weights_come_with_the_package_and_are_small():
    assert tiny.BUILTIN.stat().st_size < 2**19
    found = tiny.TINY.weights(FEATURE)
    assert found.sha256 == file_sha256(tiny.BUILTIN)
    assert tiny.build().count_params() < 200_000


@pytest.mark.parametrize("layer", tiny.LAYERS)
def test_every_layer_has_the_shape_told(layer):
    model = tiny.build(layer)
    assert model.output_shape[1:] == tiny.LAYERS[layer]
    assert model.layers[-1].name == layer
    *grid, width = tiny.LAYERS[layer]
    feature = FEATURE.replace(layer=layer, grid=tuple(grid), width=width)
    frames = np.zeros((2, 112, 112, 3), np.uint8)
    (maps,) = loading.load(feature)(frames)
    assert maps.shape == (2, *tiny.LAYERS[layer])


def test_features_do_not_depend_on_how_frames_are_batched(pictures, grids):
    backbone = loading.load(FEATURE)
    frames, whole = pictures.frames[:10], grids[:10]
    split = np.concatenate([*backbone(frames[:3]), *backbone(frames[3:])])
    single = np.concatenate([backbone(frame[None])[0] for frame in frames])
    np.testing.assert_allclose(backbone(frames)[0], whole, atol=1e-5)
    np.testing.assert_allclose(split, whole, atol=1e-5)
    np.testing.assert_allclose(single, whole, atol=1e-5)


def test_features_suit_half_precision(grids):
    assert grids.min() >= 0
    assert 0.1 < grids.std() < 10
    assert grids.max() < 1000


@pytest.mark.parametrize(
    ("attribute", "least"),
    [("colour", 0.95), ("shape", 0.7), ("texture", 0.75), ("size", 0.75)],
)
def test_a_cell_tells_what_covers_it(pictures, grids, attribute, least):
    """A linear read-out, fitted on 360 pictures, judged on 120 others."""
    classes = pretrain_tiny.ATTRIBUTES[attribute]
    known, held_out = slice(None, 360), slice(360, None)

    def cells(part: slice) -> tuple[np.ndarray, np.ndarray]:
        covered = pictures.covered[part]
        vectors = grids[part][covered]
        ones = np.ones((len(vectors), 1))
        labels = pictures.attributes[attribute][part][covered]
        return np.concatenate([vectors, ones], axis=1), labels

    x, labels = cells(known)
    ridge = x.T @ x + 0.1 * np.eye(x.shape[1])
    readout = np.linalg.solve(ridge, x.T @ np.eye(classes)[labels])
    x, labels = cells(held_out)
    assert ((x @ readout).argmax(1) == labels).mean() > least


def test_random_weights_are_the_same_each_time():
    feature = FEATURE.replace(weights="random")
    frames = np.full((1, 112, 112, 3), 7, np.uint8)
    found = tiny.TINY.weights(feature)
    one, two = (tiny.TINY.model(feature, found)(frames) for _ in range(2))
    assert (one.numpy() == two.numpy()).all()
    assert not np.allclose(one, tiny.build()(frames))


def test_unknown_layer_and_unfit_size_are_refused():
    with pytest.raises(ConfigError, match=r"fine, middle, grid.*received layer top"):
        tiny.build("top")
    with pytest.raises(ConfigError, match="size 100"):
        tiny.build(size=100)


def test_a_file_that_is_no_weight_file_is_named(tmp_path):
    path = tmp_path / "tiny.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"tiny\.npz does not hold the weights"):
        tiny.build(weights=path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(WeightsError, match="block1/kernel"):
        tiny.build(weights=path)


# ------------------------------------------------------------------ pretraining


def test_a_cell_is_labelled_with_the_thing_that_covers_it():
    below = Thing("square", "red", "plain", "large")
    above = Thing("star", "blue", "dotted", "small")
    background = Background("grey", "plain", False, 0)
    column, row = 4 / 3 * 3.5 / 7, 3.5 / 7  # the centre of the middle cell
    actors = (
        Actor(below, Rest(Pose(column, row))),
        Actor(above, Rest(Pose(column + 0.02, row, 0.5))),
    )
    frame = np.zeros((112, 112, 3), np.uint8)
    batch = pretrain_tiny._batch([frame], [(Shot(1.0, actors, background), 0.0)])
    names = ("shape", "colour", "texture", "size")
    middle = [batch.attributes[name][0, 3, 3] for name in names]
    assert middle == [3, 4, 2, 0]  # the one drawn last
    beside = [batch.attributes[name][0, 2, 3] for name in names]
    assert beside == [1, 0, 0, 2]
    assert batch.covered[0].sum() == 3
    assert batch.offsets[0, 3, 3] == pytest.approx([0.02, 0.0], abs=1e-6)


def test_pretraining_sees_every_class(pictures):
    for name, classes in pretrain_tiny.ATTRIBUTES.items():
        shown = pictures.attributes[name][pictures.covered]
        shares = np.bincount(shown, minlength=classes) / len(shown)
        assert shares.min() > 0.04, name


def test_the_folded_network_gives_what_the_trained_one_gives(tmp_path):
    model = pretrain_tiny.trainable(seed=1)
    pretrain_tiny.train(model, steps=2, size=4, seed=1)
    path = tmp_path / "tiny.npz"
    builtin_weights.save(pretrain_tiny.folded(model), path)
    frames = next(pretrain_tiny.training_batches(2, 4)).frames.astype(np.float32)
    head = model.get_layer("colour")
    trained = model(frames, training=False)["colour"]
    np.testing.assert_allclose(
        head(tiny.build(weights=path)(frames)), trained, atol=0.02
    )
    again = path.read_bytes()
    builtin_weights.save(pretrain_tiny.folded(model), path)
    assert path.read_bytes() == again


def test_held_out_accuracies_are_shares_of_frames_of_real_clips():
    clips = list(pretrain_tiny.clip_batches(2, 4))
    assert [batch.frames.shape for batch in clips] == [(4, 112, 112, 3)] * 2
    model = pretrain_tiny.trainable(seed=0)
    shares = pretrain_tiny.accuracies(tiny.build(), model, iter(clips))
    assert set(shares) == {"covered", *pretrain_tiny.ATTRIBUTES}
    assert all(0 <= share <= 1 for share in shares.values())


@pytest.mark.slow
def test_the_command_writes_the_same_file_twice(tmp_path):
    command = [sys.executable, "-m", "tools.pretrain_tiny"]
    sizes = ["--steps", "3", "--batch", "8", "--clips", "1"]
    for name in ("one", "two"):
        subprocess.run([*command, *sizes, "--out", tmp_path / name], check=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
