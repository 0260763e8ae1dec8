"""Mel-frequency cepstral coefficients with their slopes over time."""

from __future__ import annotations

import numpy as np

from transform.audio import log_mel

_BLOCK = 6000  # windows at a time: a minute
_REACH = 2  # windows to either side that a slope is fitted to (HTK's DELTAWINDOW)


def mfcc(
    samples: np.ndarray, bands: int, coefficients: int, rate: int = log_mel.RATE
) -> np.ndarray:
    """Computes the MFCCs of each 25 ms window every 10 ms, their Δ and their ΔΔ.

    The coefficients are the first of the orthogonal discrete cosine transform (type II,
    scaled like HTK's by √(2 / bands)) of the log-mel spectrum; coefficient 0 stands for
    the loudness. Δ is the slope of a line fitted to five windows,
    Δ_t = Σ_θ θ (c_{t+θ} − c_{t−θ}) / (2 Σ_θ θ²), θ = 1, 2, where the first and the last
    window count on beyond the ends; ΔΔ is the slope of Δ.

    Args:
        samples: (n,) float32 mono in [−1, 1].
        bands: of the mel scale.
        coefficients: how many; at the most `bands`.
        rate: of `samples`; anything but 16 kHz is resampled.

    Returns:
        (W, 3 · coefficients) float32; W is 0 for sound of less than 25 ms.
    """
    import tensorflow as tf

    logs = log_mel.log_mel_windows(samples, bands, rate)  # (W, bands)
    if not len(logs):
        return np.zeros((0, 3 * coefficients), np.float32)
    values = np.concatenate(
        [
            tf.signal.mfccs_from_log_mel_spectrograms(block)[:, :coefficients]
            for block in np.split(logs, range(_BLOCK, len(logs), _BLOCK))
        ]
    )  # (W, coefficients)
    slopes = _slopes(values)
    return np.concatenate([values, slopes, _slopes(slopes)], axis=1)


def _slopes(values: np.ndarray) -> np.ndarray:
    """Returns the (W, C) slope of each value of (W, C), per window."""
    windows = len(values)
    padded = np.pad(values, [(_REACH, _REACH), (0, 0)], mode="edge")
    total = np.zeros_like(values)
    for step in range(1, _REACH + 1):
        later = padded[_REACH + step : _REACH + step + windows]
        earlier = padded[_REACH - step : _REACH - step + windows]
        total += step * (later - earlier)
    return total / (2 * sum(step**2 for step in range(1, _REACH + 1)))
