import numpy as np
import pytest
import tensorflow as tf

from tests.support import clips
from transform.backbones import batching, loading
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.extractors import chunk_grid
from transform.extractors.chunk_grid import ChunkPass, in_steps
from transform.extractors.clip_extractor import Extractor
from transform.schema import (
    ChunkGrid,
    Farneback,
    FeatureSpec,
    Flow,
    FlowInput,
    FrameSampling,
    KeyFrames,
    Png,
    Strided,
    WholeClip,
)
from transform.video import reader
from transform.video.clip import Clip

SAMPLING = FrameSampling(frames=3)
FEATURE = ChunkGrid(
    name="chunks",
    network="halves",
    layer="map",
    size=48,
    chunk=8,
    at=Strided(frames=8, max_steps=20),
    map_times=2,
    times="join",
    grid=(2, 2),
    width=6,
    weights="random",
)


class Halves:
    """The mean of each quarter of the frame over every four frames."""

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        return WeightsFile(None, "random")

    def model(self, feature: ChunkGrid, weights: WeightsFile) -> tf.keras.Model:
        frames = tf.keras.Input(feature.input_shape)
        side = feature.size // 2
        maps = tf.keras.layers.AveragePooling3D((4, side, side))(frames)
        return tf.keras.Model(frames, maps)


class Vector(Halves):
    """The mean of the chunk."""

    def model(self, feature: ChunkGrid, weights: WeightsFile) -> tf.keras.Model:
        frames = tf.keras.Input(feature.input_shape)
        pooled = tf.keras.layers.GlobalAveragePooling3D()(frames)
        return tf.keras.Model(frames, pooled)


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    table = {"halves": Halves(), "vector": Vector()}
    monkeypatch.setattr(loading, "CHUNK_NETWORKS", table)


def _extract(path, feature: ChunkGrid) -> tuple[np.ndarray, list[np.ndarray]]:
    """The feature, and the frames of each run as float64."""
    network = ChunkPass(feature)
    frames = reader.read_frames(path, SAMPLING, network.frame_requests())
    clip = Clip(path, frames)
    frame_set = clip.frame_set(network.frame_requests()[0])
    (values,) = batching.joined(network.steps(clip))
    return values, frame_set.frames[frame_set.rows].astype(float)


def _map(chunk: np.ndarray) -> np.ndarray:
    """(8n, 48, 48, C) → (2n, 2, 2, C), by loops."""
    times = len(chunk) // 4
    found = np.zeros((times, 2, 2, chunk.shape[-1]))
    for time in range(times):
        for row in range(2):
            for column in range(2):
                part = chunk[
                    4 * time : 4 * time + 4,
                    24 * row : 24 * row + 24,
                    24 * column : 24 * column + 24,
                ]
                found[time, row, column] = part.mean((0, 1, 2))
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return clips.write(tmp_path_factory.mktemp("clips") / "a.mp4", 70)


# ------------------------------------------------------------------------- times


def test_joined_times_lie_side_by_side_the_first_first(path) -> None:
    values, chunks = _extract(path, FEATURE)
    assert values.shape == (8, 2, 2, 6)
    for value, chunk in zip(values, chunks, strict=True):
        first, second = _map(chunk)
        expected = np.concatenate([first, second], -1)
        np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_times_may_be_steps(path) -> None:
    values, chunks = _extract(path, FEATURE.replace(times="steps", width=3))
    expected = np.concatenate([_map(chunk) for chunk in chunks])
    assert values.shape == (16, 2, 2, 3)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_times_may_be_averaged(path) -> None:
    values, chunks = _extract(path, FEATURE.replace(times="mean", width=3))
    expected = [_map(chunk).mean(0) for chunk in chunks]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_whole_clips_have_as_many_steps_as_their_map(path) -> None:
    feature = FEATURE.replace(at=WholeClip(max_frames=99), times="steps", width=3)
    values, [chunk] = _extract(path, feature)
    assert chunk.shape[0] == 72  # 70 frames, and the last again
    assert values.shape == (18, 2, 2, 3)
    np.testing.assert_allclose(values, _map(chunk), rtol=1e-5)


def test_vectors_have_no_grid(path) -> None:
    feature = FEATURE.replace(
        network="vector", at=KeyFrames(), map_times=1, grid=(), width=3
    )
    values, chunks = _extract(path, feature)
    assert values.shape == (3, 3)
    np.testing.assert_allclose(values, chunks.mean((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("times", ["join", "mean", "steps"])
def test_vectors_with_times_are_joined_too(times) -> None:
    feature = FEATURE.replace(times=times, grid=(), width=6)
    maps = np.arange(5 * 2 * 6.0).reshape(5, 2, 6)[..., : feature.map_shape[-1]]
    values = in_steps(maps, feature)
    assert values.shape[1:] == (6,)
    if times == "join":
        np.testing.assert_array_equal(values[3], [*maps[3, 0], *maps[3, 1]])


# --------------------------------------------------------------------- batches


@pytest.mark.parametrize("frames", [1, 8, 17, 40, 999])
@pytest.mark.parametrize("motion", [False, True])
def test_the_number_of_chunks_at_once_changes_nothing(
    path, monkeypatch, frames, motion
) -> None:
    feature = FEATURE.replace(at=KeyFrames())
    if motion:
        feature = feature.replace(input=FlowInput(algorithm=Farneback()), width=4)
    expected, _ = _extract(path, feature)
    monkeypatch.setattr(chunk_grid, "MOST_FRAMES", frames)
    values, _ = _extract(path, feature)
    np.testing.assert_array_equal(values, expected)


# ---------------------------------------------------------------------- motion


def test_motion_is_the_flow_to_the_next_frame_of_the_clip(path) -> None:
    motion = FlowInput(algorithm=Farneback(), clip=2.0)
    feature = FEATURE.replace(input=motion, width=4)
    values, chunks = _extract(path, feature)
    assert chunks.shape == (8, 9, 48, 48)
    for value, chunk in zip(values, chunks, strict=True):
        import cv2

        farneback = cv2.FarnebackOpticalFlow.create()
        grey = chunk.astype(np.uint8)
        flow = np.stack(
            [farneback.calc(grey[n], grey[n + 1], None) for n in range(8)]
        )  # (8, 48, 48, 2)
        first, second = _map(np.clip(flow, -2, 2) / 2)
        expected = np.concatenate([first, second], -1)
        np.testing.assert_allclose(value, expected, atol=1e-6)
    assert np.abs(values).max() <= 1


def test_motion_is_not_quantised_and_agrees_with_the_stored_planes(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 40, size=(48, 48))
    algorithm = Farneback()
    feature = FEATURE.replace(
        at=KeyFrames(), input=FlowInput(algorithm=algorithm, clip=4.0), width=4
    )
    network = ChunkPass(feature)
    clip = Clip(path, reader.read_frames(path, SAMPLING, network.frame_requests()))
    frame_set = clip.frame_set(network.frame_requests()[0])
    [scaled] = chunk_grid.Movement(feature).batches(frame_set, 3)  # (3, 8, 48, 48, 2)
    spec = FeatureSpec(
        sampling=FrameSampling(frames=3, window=8),
        features=(Flow(size=48, clip=4.0, algorithm=algorithm, encoding=Png()),),
    )
    planes = Extractor(spec).extract(path).features["flow"]
    parsed = (planes.astype(float) - 128) / 127
    unstacked = parsed.reshape(3, 48, 48, 7, 2).transpose(0, 3, 1, 2, 4)
    difference = np.abs(unstacked - scaled[:, :7])
    assert 0 < difference.max() <= 0.5 / 127 + 1e-6


def test_the_clips_last_frame_does_not_move(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 3)
    feature = FEATURE.replace(
        input=FlowInput(algorithm=Farneback()), times="steps", width=2
    )
    values, _ = _extract(path, feature)
    assert np.abs(values[0]).max() > 0
    assert (values[1] == 0).all()  # frames 4 to 8 are the last one again


# ----------------------------------------------------------------- in the whole


def test_extraction_stores_chunks_as_halves(path) -> None:
    spec = loading.resolve(FeatureSpec(sampling=SAMPLING, features=(FEATURE,)))
    assert spec.features[0].weights_sha256 == "random"
    found = Extractor(spec).extract(path)
    assert found.features["chunks"].dtype == np.float16
    tensor = spec.tensor("chunks")
    assert found.features["chunks"].shape[1:] == tensor.step_shape
    assert len(found.features["chunks"]) <= tensor.max_steps


def test_a_map_of_another_shape_is_answered_with_the_right_one() -> None:
    with pytest.raises(
        ConfigError,
        match="gives 2 × 2 × 2 × 3 for chunks of 8 frames of 48, but the "
        r"specification has 1 × 2 × 2 × 6 \(map_times, grid and width\)",
    ):
        loading.load_chunks(FEATURE.replace(map_times=1))


def test_whole_clips_are_checked_at_one_chunk() -> None:
    feature = FEATURE.replace(at=WholeClip(max_frames=99), times="steps", width=3)
    loading.load_chunks(feature)
    with pytest.raises(ConfigError, match="gives 2 × 2 × 2 × 3 for chunks"):
        loading.load_chunks(feature.replace(map_times=4))


def test_a_network_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="no network 'c4d'; there are halves, vector"):
        loading.load_chunks(FEATURE.replace(network="c4d"))
