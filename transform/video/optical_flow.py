"""Optical flow around key frames, quantised and stacked (MGSA Sec. 3.1).

OpenCV estimates on one thread: a worker process per core makes better use of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from transform import schema
from transform.video.frame_requests import centre_crop

_SMALLEST_FOR_DIS = 32  # pixels of a side: OpenCV ends the process below
_STILL = 128  # the level of no motion

# (first, second) grey frames → (height, width, 2) float32 pixels, x then y
Estimator = Callable[[np.ndarray, np.ndarray], np.ndarray]


def flow_stack(
    window_frames: np.ndarray, window_index: np.ndarray, feature: schema.Flow
) -> np.ndarray:
    """Computes the flow fields between the neighbouring frames of each window.

    Windows of short clips overlap: each unique pair of frames is estimated once. A
    frame paired with itself, as where a window is clamped at the clip's end, has no
    motion.

    Args:
        window_frames: (F, height, width) uint8 grey.
        window_index: (N, window) rows of `window_frames`.
        feature: the algorithm, the clipping and the size.

    Returns:
        (N, size, size, 2M) uint8 planes x_1, y_1, …, x_M, y_M with M = window − 1,
        quantised as `schema.Flow` says.
    """
    size = feature.size
    pairs = np.stack([window_index[:, :-1], window_index[:, 1:]], axis=-1)  # (N, M, 2)
    unique, place = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    estimate = estimator(feature.algorithm)
    fields = np.empty((len(unique), size, size, 2), np.uint8)
    for field, (first, second) in zip(fields, unique, strict=True):
        if first == second:
            field.fill(_STILL)
        else:
            flow = estimate(window_frames[first], window_frames[second])
            field[:] = fitted(quantise(flow, feature.clip), feature)
    stacked = fields[place.reshape(pairs.shape[:2])]  # (N, M, size, size, 2)
    windows, motions = pairs.shape[:2]
    planes = stacked.transpose(0, 2, 3, 1, 4)  # (N, size, size, M, 2)
    return planes.reshape(windows, size, size, 2 * motions)


def fitted(planes: np.ndarray, feature: schema.Flow) -> np.ndarray:
    """Frames and resizes quantised planes (height, width, C) to (size, size, C).

    Every level is the mean of the area that it covers; what a letterbox adds is still.
    """
    size = feature.size
    height, width = planes.shape[:2]
    rows, columns = feature.fit.resized(height, width, size)
    resized = cv2.resize(planes, (columns, rows), interpolation=cv2.INTER_AREA)
    return centre_crop(resized, size, size, fill=_STILL)


def quantise(flow: np.ndarray, clip: float) -> np.ndarray:
    """Quantises pixels to uint8 128 + round(127 · f / clip), f within ±clip."""
    levels = np.maximum(flow, -clip)  # above, 128 + 127 is where uint8 saturates
    shape = levels.shape
    # (H, W, 2) must pass as rows of one channel; OpenCV rounds halves to even.
    flat = cv2.convertScaleAbs(
        levels.reshape(shape[0], -1), alpha=127.0 / clip, beta=128.0
    )
    return flat.reshape(shape)


def dequantise(planes: np.ndarray, clip: float) -> np.ndarray:
    """Converts planes back to float32 pixels; inverts `quantise`."""
    return (planes.astype(np.float32) - 128.0) * np.float32(clip / 127.0)


def scaled(
    estimate: Estimator, frames: np.ndarray, first: int, second: int, clip: float
) -> np.ndarray:
    """Computes the flow between two of (F, height, width) grey frames, in [−1, 1].

    (height, width, 2) float32, x then y: pixels, clipped to ±`clip` and divided by it.
    """
    if first == second:
        return np.zeros((*frames.shape[1:], 2), np.float32)
    flow = estimate(frames[first], frames[second])
    return np.clip(flow, -clip, clip) / np.float32(clip)


def estimator(algorithm: schema.FlowAlgorithm) -> Estimator:
    """Returns an estimator; it holds buffers and must stay in one thread."""
    cv2.setNumThreads(1)
    return _BUILDERS[type(algorithm)](algorithm)


def photometric_error(frames: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Measures how badly a flow explains the next frame: mean |I_t − warp(I_t+1)|.

    Returns (P,) float32.

    Each frame t + 1 is pulled back along the flow t → t + 1 by bilinear interpolation
    and compared with frame t.

    Args:
        frames: (P + 1, height, width) uint8 grey, consecutive.
        flow: (P, height, width, 2) float32 pixels, x then y.
    """
    import tensorflow as tf
    import tensorflow_addons as tfa

    images = tf.cast(frames, tf.float32)[..., tf.newaxis]  # (P + 1, height, width, 1)
    # dense_image_warp reads at position − flow and takes y before x.
    warped = tfa.image.dense_image_warp(images[1:], -tf.reverse(flow, [-1]))
    return tf.reduce_mean(tf.abs(images[:-1] - warped), axis=[1, 2, 3]).numpy()


def _dis(algorithm: schema.Dis) -> Estimator:
    presets = {
        "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
        "quality": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    }
    dis: Any = cv2.DISOpticalFlow.create(presets[algorithm.preset])
    if algorithm.preset == "quality":  # medium's accuracy at three quarters of its time
        dis.setFinestScale(1)
        dis.setVariationalRefinementIterations(5)

    def estimate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        height, width = first.shape
        below, right = (max(0, _SMALLEST_FOR_DIS - side) for side in first.shape)
        if below or right:
            first, second = (
                np.pad(frame, [(0, below), (0, right)], mode="edge")
                for frame in (first, second)
            )
        return dis.calc(first, second, None)[:height, :width]

    return estimate


def _tv_l1(algorithm: schema.TvL1) -> Estimator:
    del algorithm
    tv_l1: Any = cv2.optflow.DualTVL1OpticalFlow.create()
    return lambda first, second: tv_l1.calc(first, second, None)


def _farneback(algorithm: schema.Farneback) -> Estimator:
    del algorithm
    farneback: Any = cv2.FarnebackOpticalFlow.create()
    return lambda first, second: farneback.calc(first, second, None)


_BUILDERS: dict[type, Callable[[Any], Estimator]] = {
    schema.Dis: _dis,
    schema.TvL1: _tv_l1,
    schema.Farneback: _farneback,
}
