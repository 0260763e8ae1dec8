import numpy as np
import pytest

from tests.reference import log_mel
from tests.reference import mfcc as reference
from transform.audio import log_mel as audio
from transform.audio import mfcc

RANDOM = np.random.default_rng(0)


def sound(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * audio.RATE)) / audio.RATE
    sweep = np.sin(2 * np.pi * (200 + 900 * time) * time)
    return (0.4 * sweep + 0.05 * RANDOM.normal(size=time.size)).astype(np.float32)


@pytest.mark.parametrize(("bands", "coefficients"), [(26, 13), (10, 10)])
def test_coefficients_equal_their_definition(bands, coefficients):
    samples = sound(0.3)
    found = mfcc.mfcc(samples, bands, coefficients)
    expected = reference.mfcc(log_mel.windows_of(samples, bands), coefficients)
    assert found.shape == (28, 3 * coefficients)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("samples", "windows"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)]
)
def test_every_whole_window_counts(samples, windows):
    assert mfcc.mfcc(sound(0.1)[:samples], 26, 13).shape == (windows, 39)


def test_steady_sound_has_no_slopes():
    tone = np.sin(2 * np.pi * 1000 * np.arange(audio.RATE) / audio.RATE)
    found = mfcc.mfcc(tone.astype(np.float32), 26, 13)
    np.testing.assert_allclose(found[:, 13:], 0, atol=1e-3)


def test_long_sound_is_taken_in_pieces_that_fit(monkeypatch):
    samples = sound(0.5)
    whole = mfcc.mfcc(samples, 26, 13)
    monkeypatch.setattr(audio, "_BLOCK", 7)
    monkeypatch.setattr(mfcc, "_BLOCK", 5)
    np.testing.assert_allclose(mfcc.mfcc(samples, 26, 13), whole, atol=1e-4)
