"""The sound front end: log-mel spectra and VGGish's patches, through tensorflow-io.

VGGish (Hershey et al., 2017) takes 16 kHz mono sound, magnitudes of a 512-point Fourier
transform of 25 ms periodic Hann windows every 10 ms, 64 triangular bands between 125
and 7,500 Hz that are equally wide on HTK's mel scale, 1127 · ln(1 + f / 700), without
the constant component, and log(mel + 0.01). Patches of 96 windows follow each other
without overlap.

Notes:
    `tfio.audio.spectrogram` and `tfio.audio.melscale` compute exactly this, since the
    mel matrix of `tf.signal` follows VGGish's. The one difference is that the former
    pads the end of the sound with zeros; windows that reach into the padding are cut
    off here, as VGGish only takes whole ones.
"""

from __future__ import annotations

import numpy as np

from transform import schema

RATE = 16_000  # samples a second
WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
FFT = 512
PATCH = 96  # windows: 0.96 s
LOWEST, HIGHEST = 125.0, 7500.0  # Hz
OFFSET = 0.01

_BLOCK = 6000  # windows at a time: a minute, whose Fourier transform takes 6 MB


def log_mel(
    samples: np.ndarray,
    feature: schema.LogMel,
    rate: int = RATE,
) -> np.ndarray:
    """Computes the log-mel patches of a sound track.

    A last patch that is not whole is dropped, so that sound of less than 0.975 s gives
    none.

    Args:
        samples: (n,) float32 mono in [−1, 1].
        feature: the number of bands, and how many patches to keep at the most.
        rate: of `samples`; anything but 16 kHz is resampled.

    Returns:
        (P, 96, bands) float32, P ≤ `feature.max_patches`.
    """
    windows = log_mel_windows(
        samples, feature.bands, rate, max_windows=feature.max_patches * PATCH
    )
    patches = len(windows) // PATCH
    return windows[: patches * PATCH].reshape(patches, PATCH, feature.bands)


def log_mel_windows(
    samples: np.ndarray,
    bands: int,
    rate: int = RATE,
    max_windows: int | None = None,
) -> np.ndarray:
    """Computes the log-mel spectrum of each whole 25 ms window of a sound track.

    Args:
        samples: (n,) float32 mono in [−1, 1].
        bands: of the mel scale.
        rate: of `samples`; anything but 16 kHz is resampled.
        max_windows: how many to keep at the most, from the beginning; None for all.

    Returns:
        (W, bands) float32.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono (n,); received {samples.shape}")
    if max_windows is not None:
        needed = ((max_windows - 1) * HOP + WINDOW) / RATE  # seconds
        samples = samples[: int(np.ceil(needed * rate)) + 1]
    samples = _at_16_khz(samples.astype(np.float32), rate)
    windows = max(0, 1 + (samples.size - WINDOW) // HOP)
    if max_windows is not None:
        windows = min(windows, max_windows)
    logs = np.zeros((windows, bands), np.float32)
    for start in range(0, windows, _BLOCK):
        stop = min(start + _BLOCK, windows)
        part = samples[start * HOP : (stop - 1) * HOP + WINDOW]
        logs[start:stop] = np.log(_mel(part, bands)[: stop - start] + OFFSET)
    return logs


def _at_16_khz(samples: np.ndarray, rate: int) -> np.ndarray:
    import tensorflow_io as tfio

    if rate == RATE or not samples.size:
        return samples
    return tfio.audio.resample(samples, rate, RATE).numpy()


def _mel(samples: np.ndarray, bands: int) -> np.ndarray:
    """Computes the mel spectra of all windows, the padded ones too."""
    import tensorflow_io as tfio

    magnitudes = tfio.audio.spectrogram(
        samples, nfft=FFT, window=WINDOW, stride=HOP
    )  # (windows and padded ones, 257)
    mel = tfio.audio.melscale(
        magnitudes, rate=RATE, mels=bands, fmin=LOWEST, fmax=HIGHEST
    )  # (windows and padded ones, bands)
    return mel.numpy()
