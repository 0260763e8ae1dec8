"""The built-in 3-D network: its layout is C3D's, and its maps tell what moves how."""

import numpy as np
import pytest

from tools import pretrain_tiny3d
from transform.backbones import builtin_weights, loading, tiny3d
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.moving_world.motions import Pose, Rest, roll, scale, slide, spin
from transform.moving_world.scenes import Actor, Background, Event, Shot, Thing
from transform.schema import ChunkGrid, Dis, FlowInput, Strided, WholeClip

WINDOWS = ChunkGrid(
    name="windows",
    network="tiny3d",
    layer="pool4",
    size=64,
    at=Strided(frames=16, max_steps=4),
    map_times=2,
    times="join",
    grid=(4, 4),
    width=128,
)
LAYERS = {  # times, rows and width of a window's map
    "pool1": (16, 32, 8),
    "pool2": (8, 16, 16),
    "pool3": (4, 8, 32),
    "pool4": (2, 4, 64),
    "pool5": (1, 2, 64),
}


@pytest.mark.parametrize("network", [tiny3d.PIXELS, tiny3d.FLOW])
def test_weights_come_with_the_package_and_are_small(network):
    assert network.builtin.stat().st_size < 500_000
    shape = (16, 64, 64, network.channels)
    tiny3d.build("fc7", shape, network.builtin)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("windows", [1, 3])
def test_every_layer_halves_as_c3ds_does(layer, windows):
    times, rows, width = LAYERS[layer]
    whole = WINDOWS.replace(
        layer=layer,
        at=WholeClip(max_frames=64),
        times="steps",
        map_times=times,
        grid=(rows, rows),
        width=width,
    )
    frames = np.zeros((1, 16 * windows, 64, 64, 3), np.uint8)
    (maps,) = loading.load_chunks(whole)(frames)
    assert maps.shape == (1, times * windows, rows, rows, width)


def test_several_layers_come_of_one_pass():
    vector = {"times": "mean", "map_times": 1, "grid": (), "width": 128}
    last = WINDOWS.replace(name="last", layer="fc7", **vector)
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 64, 64, 3), np.uint8)
    together = loading.load_chunks(WINDOWS, last)(frames)
    apart = loading.load_chunks(WINDOWS)(frames) + loading.load_chunks(last)(frames)
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_network_of_flow_sees_flow_and_that_of_pixels_pixels():
    motion = FlowInput(algorithm=Dis(), clip=4.0)
    flow = WINDOWS.replace(network="tiny3d_flow", input=motion)
    (maps,) = loading.load_chunks(flow)(np.zeros((1, 16, 64, 64, 2), np.float32))
    assert maps.shape == (1, 2, 4, 4, 64)
    for wrong in (WINDOWS.replace(input=motion), flow.replace(input=WINDOWS.input)):
        with pytest.raises(ConfigError, match="name tiny3d for pixels and tiny3d_flow"):
            loading.load_chunks(wrong)


def test_what_it_cannot_give_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"pool1, pool2.*received layer pool6"):
        tiny3d.build("pool6")
    with pytest.raises(ConfigError, match="8 frames and size 64"):
        tiny3d.build("pool4", (8, 64, 64, 3))
    with pytest.raises(ConfigError, match=r"chunks of 16 .* received any number of"):
        tiny3d.build("fc6", (None, 64, 64, 3))
    with pytest.raises(WeightsError, match="does not hold the weights of tiny3d"):
        tiny3d.build(weights=tiny3d.FLOW.builtin)


# ---------------------------------------------------------------- what maps tell


@pytest.mark.parametrize(
    ("look", "least"),
    [
        pytest.param("pixels", 0.7, id="pixels"),
        pytest.param("flow", 0.9, id="flow", marks=pytest.mark.slow),
    ],
)
def test_a_cell_tells_left_from_right(look, least):
    """A linear read-out of pool4, fitted on 400 windows, judged on 160 others."""
    network, view = pretrain_tiny3d.INPUTS[look]
    batch = next(pretrain_tiny3d.training_batches(10**6, 560, view))
    shape = (16, 64, 64, network.channels)
    model = tiny3d.build("pool4", shape, network.builtin)
    maps = model.predict(batch.frames, batch_size=32, verbose=0)
    movements = pretrain_tiny3d.KINDS["movement"]
    labels = batch.labels["pool4"]["movement"]
    ways = [movements.index(name) for name in ("left", "right")]

    def cells(part: slice) -> tuple[np.ndarray, np.ndarray]:
        where = np.isin(labels[part], ways)
        vectors = maps[part][where]
        ones = np.ones((len(vectors), 1))
        signs = np.where(labels[part][where] == ways[1], 1.0, -1.0)
        return np.concatenate([vectors, ones], axis=1), signs

    x, signs = cells(slice(None, 400))
    readout = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ signs)
    x, signs = cells(slice(400, None))
    assert len(signs) > 50
    assert (np.sign(x @ readout) == signs).mean() > least


# ------------------------------------------------------------------- pretraining

RED = Thing("square", "red", "plain", "large")
MIDDLE = Pose(2 / 3, 0.5)


@pytest.mark.parametrize(
    ("motion", "name"),
    [
        (Rest(MIDDLE), "still"),
        (slide(Pose(0.3, 0.5), Pose(1.0, 0.5)), "right"),
        (roll(Pose(1.0, 0.5), Pose(0.3, 0.5), RED.radius), "left"),
        (slide(Pose(0.6, 0.8), Pose(0.6, 0.2)), "up"),
        (spin(MIDDLE, -1.5), "turn"),
        (scale(MIDDLE, 0.5, 1.5), "grow"),
        (scale(MIDDLE, 1.5, 0.5), "shrink"),
    ],
)
def test_a_movement_is_named_by_what_moves_the_rim_fastest(motion, name):
    assert pretrain_tiny3d.movement(Actor(RED, motion), 0.5, 4.0)[1] == name


def test_a_cell_is_labelled_with_the_fastest_thing_that_it_covers():
    still = Actor(Thing("star", "blue", "plain", "large"), Rest(MIDDLE))
    moving = Actor(RED, slide(Pose(0.3, 0.5), Pose(1.0, 0.5)))
    events = (Event("slide", 0, direction="right"), Event("stay", 1))
    shot = Shot(
        2.0, (moving, still), Background("grey", "plain", False, 0), events=events
    )
    run = [(shot, number / 23) for number in range(4, 21)]
    batch = pretrain_tiny3d._batch([np.zeros((16, 64, 64, 3), np.uint8)], [run])
    for kind, said in {
        "movement": "right",
        "verb": "slide",
        "colour": "red",
        "shape": "square",
    }.items():
        row = pretrain_tiny3d.KINDS[kind].index(said)
        assert batch.labels["fc7"][kind][0, 0, 0, 0] == row
        assert batch.labels["pool4"][kind].shape == (1, 2, 4, 4)
        assert np.any(batch.labels["pool4"][kind] == row)
    corner = batch.labels["pool3"]["movement"][0, :, 0, 0]
    assert not corner.any()


def test_the_folded_network_gives_what_the_trained_one_gives(tmp_path):
    model = pretrain_tiny3d.trainable(3, seed=1)
    batches = pretrain_tiny3d.training_batches(1, 4, pretrain_tiny3d.pixels)
    pretrain_tiny3d.train(model, pretrain_tiny3d.loss, batches, 2)
    path = tmp_path / "tiny3d.npz"
    weights = pretrain_tiny3d.folded(model, pretrain_tiny3d.trained_layers())
    builtin_weights.save(weights, path)
    frames = next(batches).frames.astype(np.float32)
    head = model.get_layer("fc7_movement")
    trained = model(frames, training=False)["fc7"]["movement"]
    vectors = tiny3d.build(weights=path)(frames)[:, None, None, None]
    np.testing.assert_allclose(head(vectors), trained, atol=0.02)


def test_held_out_accuracies_are_shares():
    clips = pretrain_tiny3d.clip_batches(1, pretrain_tiny3d.pixels)
    model = pretrain_tiny3d.trainable(3, seed=0)
    whole = tiny3d.build(weights=tiny3d.PIXELS.builtin)
    levels = [whole.get_layer(name).output for name in pretrain_tiny3d.LEVELS]
    backbone = type(whole)(whole.input, levels)
    shares = pretrain_tiny3d.accuracies(backbone, model, clips)
    assert all(0 <= share <= 1 for share in shares.values())
    assert len(shares) == 16
