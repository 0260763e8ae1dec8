"""Sound files of a few kinds that are easily told apart."""

from __future__ import annotations

import pathlib
import wave

import numpy as np

RATE = 16_000
KINDS = ("silence", "noise", "tone")


def samples(kind: str, seconds: float, seed: int = 0) -> np.ndarray:
    """(n,) float32 in [−1, 1]."""
    count = round(seconds * RATE)
    random = np.random.default_rng(seed)
    if kind == "silence":
        return np.zeros(count, np.float32)
    if kind == "noise":
        return (0.3 * random.uniform(-1, 1, count)).astype(np.float32)
    time = np.arange(count) / RATE
    tone = 0.5 * np.sin(2 * np.pi * (700 + 20 * random.random()) * time)
    return (tone + 0.01 * random.normal(size=count)).astype(np.float32)


def write(path: pathlib.Path, kind: str, seconds: float = 0.5, seed: int = 0) -> None:
    """A file with sound only."""
    values = np.clip(32767 * samples(kind, seconds, seed), -32768, 32767)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(values.astype("<i2").tobytes())
