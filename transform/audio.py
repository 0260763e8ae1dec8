"""The sound front end: VGGish's log-mel patches, through tensorflow-io.

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


def log_mel(
    samples: np.ndarray, feature: schema.LogMel, rate: int = RATE
) -> np.ndarray:
    """Log-mel patches of a sound track.

    A last patch that is not whole is dropped, so that sound of less than 0.975 s gives
    none.

    Args:
        samples: (n,) float32 mono in [−1, 1].
        feature: the number of bands, and how many patches to keep at the most.
        rate: of `samples`; anything but 16 kHz is resampled.

    Returns:
        (P, 96, bands) float32, P ≤ `feature.max_patches`.
    """
    import tensorflow_io as tfio

    if samples.ndim != 1:
        raise ValueError(f"samples must be mono (n,); received {samples.shape}")
    needed = ((feature.max_patches * PATCH - 1) * HOP + WINDOW) / RATE  # seconds
    samples = samples[: int(np.ceil(needed * rate)) + 1].astype(np.float32)
    if rate != RATE and samples.size:
        samples = tfio.audio.resample(samples, rate, RATE).numpy()
    windows = max(0, 1 + (samples.size - WINDOW) // HOP)
    patches = min(windows // PATCH, feature.max_patches)
    if not patches:
        return np.zeros((0, PATCH, feature.bands), np.float32)
    magnitudes = tfio.audio.spectrogram(
        samples, nfft=FFT, window=WINDOW, stride=HOP
    )  # (windows and padded ones, 257)
    mel = tfio.audio.melscale(
        magnitudes[: patches * PATCH],
        rate=RATE,
        mels=feature.bands,
        fmin=LOWEST,
        fmax=HIGHEST,
    )  # (96 P, bands)
    return np.log(mel.numpy() + OFFSET).reshape(patches, PATCH, feature.bands)
