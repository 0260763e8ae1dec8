import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from transform import schema
from transform.schema import CentreCrop, Letterbox, ShortSide, Stretch
from transform.video import optical_flow

ALGORITHMS = [
    schema.Dis(preset="ultrafast"),
    schema.Dis(preset="fast"),
    schema.Dis(preset="medium"),
    schema.Dis(preset="quality"),
    schema.TvL1(),
    schema.Farneback(),
]


ALL, MIDDLE = [1, 2, 3, 4, 5, 6, 7, 8], [3, 3, 4, 4, 5, 5, 6, 6]


def _moving(size: int, count: int, dx: float, dy: float) -> np.ndarray:
    """`count` frames of a smooth texture that moves by (dx, dy) pixels a frame."""
    noise = np.random.default_rng(7).random((size + 64, size + 64), np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 3)
    texture = 255 * (texture - texture.min()) / np.ptp(texture)
    frames = []
    for step in range(count):
        shift = np.array([[1, 0, dx * step], [0, 1, dy * step]], np.float32)
        moved = cv2.warpAffine(
            texture, shift, texture.shape[::-1], flags=cv2.INTER_CUBIC
        )
        frames.append(moved[32:-32, 32:-32])
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_known_translation_is_recovered(algorithm: schema.FlowAlgorithm) -> None:
    first, second = _moving(96, 2, 2.5, -1.25)
    flow = optical_flow.estimator(algorithm)(first, second)
    error = np.linalg.norm(flow - [2.5, -1.25], axis=-1)[12:-12, 12:-12]
    assert flow.shape == (96, 96, 2)
    assert error.mean() < 0.2


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_warping_by_the_flow_explains_the_next_frame(
    algorithm: schema.FlowAlgorithm,
) -> None:
    frames = _moving(64, 3, 1.5, 2.0)
    estimate = optical_flow.estimator(algorithm)
    flow = np.stack([estimate(frames[0], frames[1]), estimate(frames[1], frames[2])])
    unmoved = optical_flow.photometric_error(frames, np.zeros_like(flow))
    explained = optical_flow.photometric_error(frames, flow)
    mirrored = optical_flow.photometric_error(frames, -flow)
    assert explained.shape == (2,)
    assert (explained < 0.2 * unmoved).all()
    assert (mirrored > unmoved).all()


def test_planes_alternate_x_and_y_along_the_window() -> None:
    frames = _moving(64, 8, 3.0, -1.0)
    index = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    feature = schema.Flow(size=64, clip=10)
    planes = optical_flow.flow_stack(frames, index, feature)
    assert planes.shape == (2, 64, 64, 6)
    assert planes.dtype == np.uint8
    centre = optical_flow.dequantise(planes, 10)[:, 16:-16, 16:-16].mean((1, 2))
    np.testing.assert_allclose(centre, [[3, -1] * 3] * 2, atol=0.15)


def test_stack_equals_pair_by_pair_estimation() -> None:
    frames = _moving(64, 6, 1.0, 1.0)
    index = np.array([[0, 1, 2], [1, 2, 3], [3, 4, 5]])
    feature = schema.Flow(size=64)
    planes = optical_flow.flow_stack(frames, index, feature)
    for row, window in enumerate(index):
        for motion in range(2):
            pair = frames[window[motion]], frames[window[motion + 1]]
            alone = optical_flow.estimator(feature.algorithm)(*pair)
            np.testing.assert_array_equal(
                planes[row, ..., 2 * motion : 2 * motion + 2],
                optical_flow.quantise(alone, feature.clip),
            )


def test_each_pair_is_estimated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = []

    def counting(algorithm: schema.FlowAlgorithm) -> optical_flow.Estimator:
        def estimate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
            pairs.append((first[0, 0], second[0, 0]))
            return np.zeros((16, 16, 2), np.float32)

        return estimate

    monkeypatch.setattr(optical_flow, "estimator", counting)
    frames = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((16, 16), np.uint8)
    index = np.array([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4], [2, 3, 4, 4, 4]])
    optical_flow.flow_stack(frames, index, schema.Flow(size=16))
    assert sorted(pairs) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_clamped_window_has_no_motion_at_all() -> None:
    frames = _moving(64, 2, 2.0, 2.0)
    planes = optical_flow.flow_stack(
        frames, np.array([[0, 0, 1, 1]]), schema.Flow(size=64)
    )
    assert (planes[..., [0, 1, 4, 5]] == 128).all()
    assert (planes[..., [2, 3]] != 128).any()


def test_a_clip_of_one_frame_gives_a_stack_without_motion() -> None:
    frames = _moving(16, 1, 0, 0)
    index = np.zeros((1, 7), np.int64)
    planes = optical_flow.flow_stack(frames, index, schema.Flow(size=16))
    assert planes.shape == (1, 16, 16, 12)
    assert (planes == 128).all()


def test_a_window_of_one_frame_has_no_planes() -> None:
    planes = optical_flow.flow_stack(
        _moving(16, 3, 0, 0), np.arange(3)[:, None], schema.Flow(size=16)
    )
    assert planes.shape == (3, 16, 16, 0)


@given(
    flow=hnp.arrays(
        np.float32, (5, 7, 2), elements=st.floats(-1e4, 1e4, width=32, allow_nan=False)
    ),
    clip=st.sampled_from([0.5, 10.0, 20.0, 64.0]),
)
def test_quantising_is_as_documented(flow: np.ndarray, clip: float) -> None:
    levels = optical_flow.quantise(flow, clip)
    exact = 128 + 127 * np.clip(flow.astype(np.float64), -clip, clip) / clip
    assert np.abs(levels - exact).max() <= 0.5 + 1e-4
    assert (levels[flow == 0] == 128).all()
    restored = optical_flow.dequantise(levels, clip)
    assert np.abs(restored - np.clip(flow, -clip, clip)).max() <= clip / 127 * 0.501


def test_no_motion_is_exactly_128_and_restores_to_zero() -> None:
    levels = optical_flow.quantise(np.zeros((4, 4, 2), np.float32), 20.0)
    assert (levels == 128).all()
    assert (optical_flow.dequantise(levels, 20.0) == 0).all()


@pytest.mark.parametrize("shape", [(96, 128), (160, 64), (64, 64), (40, 48)])
def test_motion_is_measured_in_pixels_of_the_frames_as_they_come(
    shape: tuple[int, int],
) -> None:
    frames = _moving(160, 2, 3.0, -2.0)[:, : shape[0], : shape[1]]
    planes = optical_flow.flow_stack(
        np.ascontiguousarray(frames), np.array([[0, 1]]), schema.Flow(size=32)
    )
    assert planes.shape == (1, 32, 32, 2)
    pixels = optical_flow.dequantise(planes, 20)[0, 8:-8, 8:-8]
    np.testing.assert_allclose(pixels.mean((0, 1)), [3, -2], atol=0.15)


@pytest.mark.parametrize(
    ("fit", "shape", "expected"),
    [
        (Stretch(), (4, 16), [ALL] * 8),
        (ShortSide(side=8), (8, 16), [MIDDLE] * 8),
        (CentreCrop(rows=8, columns=16), (4, 16), [MIDDLE] * 8),
        (Letterbox(), (8, 16), [*[[128] * 8] * 2, *[ALL] * 4, *[[128] * 8] * 2]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_planes_are_framed_as_pictures_are(
    fit: schema.Resize, shape: tuple[int, int], expected: list[list[int]]
) -> None:
    columns = np.repeat(ALL, 2).astype(np.uint8)  # 1 1 2 2 … 8 8
    planes = np.tile(columns[None, :, None], (shape[0], 1, 2))
    fitted = optical_flow.fitted(planes, schema.Flow(size=8, fit=fit))
    np.testing.assert_array_equal(fitted[..., 0], expected)
    np.testing.assert_array_equal(fitted[..., 1], expected)


@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    algorithm=st.sampled_from([schema.Dis(), schema.Farneback()]),
)
def test_frames_of_any_shape_have_flow(
    shape: tuple[int, int], algorithm: schema.FlowAlgorithm
) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, *shape)).astype(np.uint8)
    planes = optical_flow.flow_stack(
        frames, np.array([[0, 1]]), schema.Flow(size=8, algorithm=algorithm)
    )
    assert planes.shape == (1, 8, 8, 2)
