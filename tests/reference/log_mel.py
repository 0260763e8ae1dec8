"""VGGish's log-mel patches in float64 loops, from its published definition.

Frames: whole windows only, 0.025 s long, every 0.010 s, at 16 kHz. Window: periodic
Hann. Spectrum: magnitudes of a real Fourier transform of the next power of two. Mel:
HTK's scale 1127 ln(1 + f / 700); band edges equally spaced on it between 125 and
7,500 Hz; triangular weights computed in mels; no weight for the constant component.
Log: ln(mel + 0.01). Examples: 96 frames, no overlap, whole ones only.
"""

import cmath
import math

import numpy as np


def log_mel(samples, bands=64, rate=16_000):
    """Patches of 96 windows."""
    frames = windows_of(samples, bands, rate)
    patches = [
        frames[begin : begin + 96] for begin in range(0, len(frames) - 96 + 1, 96)
    ]
    return np.array(patches).reshape(-1, 96, bands)


def windows_of(samples, bands=64, rate=16_000):
    """The spectrum of each window."""
    window = round(0.025 * rate)
    hop = round(0.010 * rate)
    points = 2 ** math.ceil(math.log2(window))
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]
    bins = points // 2 + 1
    # The transform as a matrix: (bins, window).
    turn = np.array(
        [
            [cmath.exp(-2j * math.pi * k * n / points) for n in range(window)]
            for k in range(bins)
        ]
    )
    weights = mel_weights(bins, bands, rate)

    frames = []
    for begin in range(0, len(samples) - window + 1, hop):
        part = np.asarray(samples[begin : begin + window], np.float64) * hann
        magnitude = np.abs(turn @ part)
        frames.append(np.log(magnitude @ weights + 0.01))
    return frames


def mel_weights(bins, bands, rate, low=125.0, high=7500.0):
    def to_mel(hertz):
        return 1127.0 * math.log(1.0 + hertz / 700.0)

    edges = [
        to_mel(low) + (to_mel(high) - to_mel(low)) * i / (bands + 1)
        for i in range(bands + 2)
    ]
    weights = np.zeros((bins, bands))
    for k in range(1, bins):  # the constant component stays out
        mel = to_mel(k * (rate / 2) / (bins - 1))
        for band in range(bands):
            lower, centre, upper = edges[band : band + 3]
            rising = (mel - lower) / (centre - lower)
            falling = (upper - mel) / (upper - centre)
            weights[k, band] = max(0.0, min(rising, falling))
    return weights
