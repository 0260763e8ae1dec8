"""Synthesises a scene's sound track, with a noise for every event and signal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from transform.moving_world.scenes import Event, Scene

RATE = 16_000

Voice = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def synthesise(scene: Scene) -> np.ndarray:
    """Returns (samples,) float32 mono in [-1, 1] at `RATE`; empty without a sound."""
    if scene.sound == "none":
        return np.zeros(0, np.float32)
    rng = np.random.default_rng(scene.random("sound").getrandbits(64))
    if scene.sound == "motion":
        pieces = [_mix(shot.events, shot.seconds, rng) for shot in scene.shots]
        track = np.concatenate(pieces)
    else:
        track = _SIGNALS[scene.sound](_clock(scene.seconds), rng)
    hiss = rng.normal(0, 0.003, track.shape)
    return np.clip(0.5 * track + hiss, -1, 1).astype(np.float32)


def _mix(
    events: Sequence[Event], seconds: float, rng: np.random.Generator
) -> np.ndarray:
    clock = _clock(seconds)
    voices = [_VOICES[event.verb](clock, rng) for event in events]
    return sum(voices, np.zeros_like(clock)) / max(1, len(voices))


def _clock(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


# ---------------------------------------------------------------------- voices


def _tone(clock: np.ndarray, hertz: np.ndarray | float) -> np.ndarray:
    """Returns a sine tone whose pitch may glide."""
    step = np.broadcast_to(hertz, clock.shape) / RATE
    return np.sin(2 * math.pi * np.cumsum(step))


def _strokes(
    clock: np.ndarray, times: list[float], hertz: float, decay: float
) -> np.ndarray:
    """Returns the sound of a body that is struck at each time."""
    track = np.zeros_like(clock)
    for time in times:
        since = np.maximum(clock - time, 0)
        struck = np.exp(-decay * since) * np.sin(2 * math.pi * hertz * since)
        track += np.where(clock >= time, struck, 0)
    return track


def _noise(clock: np.ndarray, rng: np.random.Generator, width: int) -> np.ndarray:
    """Returns white noise, smoothed over `width` samples: the wider, the duller."""
    white = rng.normal(0, 1, len(clock) + width)
    total = np.cumsum(white)
    return (total[width:] - total[:-width]) / math.sqrt(width)


def _silence(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return np.zeros_like(clock)


def _rumble(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 * _noise(clock, rng, 60)


def _hiss(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.3 * np.diff(_noise(clock, rng, 2), prepend=0.0)


def _boings(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    times = [float(time) for time in np.arange(0.1, _length(clock), 0.6)]
    return _strokes(clock, times, 180, 9)


def _rise(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return 0.6 * _tone(clock, 250 * 4 ** (clock / _length(clock)))


def _fall(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _rise(clock, rng)[::-1]


def _whirr(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return 0.6 * _tone(clock, 420) * (0.5 + 0.5 * _tone(clock, 6))


def _sway(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return 0.5 * _tone(clock, 600 + 250 * np.sin(2 * math.pi * clock))


def _beeps(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return 0.5 * _tone(clock, 1400) * (np.mod(clock, 0.25) < 0.1)


def _bang(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    middle = _length(clock) / 2
    crash = np.exp(-12 * np.abs(clock - middle)) * (clock >= middle)
    return crash * _noise(clock, rng, 8)


def _crack(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    time = 0.4 * _length(clock)
    crack = np.exp(-40 * np.abs(clock - time)) * (clock >= time)
    return crack * _noise(clock, rng, 2)


def _halt(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _rumble(clock, rng) * (clock < _length(clock) / 2)


def _length(clock: np.ndarray) -> float:
    return len(clock) / RATE


def _bell(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    times = [float(time) for time in np.arange(0.2, _length(clock), 1.1)]
    return _strokes(clock, times, 880, 2.5) + 0.6 * _strokes(clock, times, 2210, 4)


def _whistle(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    trill = 2600 + 140 * np.sign(np.sin(2 * math.pi * 22 * clock))
    return 0.7 * _tone(clock, trill) * (np.mod(clock, 1.4) < 1.0)


def _drum(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    beats = [float(time) for time in np.arange(0.1, _length(clock), 0.45)]
    skin = _strokes(clock, beats, 85, 12)
    return 1.4 * skin + 0.3 * np.abs(skin) * _noise(clock, rng, 4)


def _horn(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    blare = sum(_tone(clock, 220.0 * k) / k for k in (1, 2, 3, 5))
    return 0.5 * blare * (np.mod(clock, 1.6) < 1.0)


_VOICES: Mapping[str, Voice] = {
    "roll": _rumble,
    "slide": _hiss,
    "bounce": _boings,
    "jump": _boings,
    "circle": _sway,
    "orbit": _sway,
    "grow": _rise,
    "shrink": _fall,
    "spin": _whirr,
    "stop": _halt,
    "split": _crack,
    "stay": _silence,
    "chase": _beeps,
    "hit": _bang,
    "collide": _bang,
    "approach": _hiss,
}
_SIGNALS: Mapping[str, Voice] = {
    "bell": _bell,
    "whistle": _whistle,
    "drum": _drum,
    "horn": _horn,
}
