import numpy as np
import pytest

from tests.reference import log_mel as reference
from transform import schema
from transform.audio import log_mel

LOG_MEL = schema.LogMel()


def _sound(seconds: float, rate: int = log_mel.RATE, seed: int = 0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    sweep = np.sin(2 * np.pi * (200 + 900 * time) * time)
    noise = np.random.default_rng(seed).normal(size=time.size)
    return (0.4 * sweep + 0.05 * noise).astype(np.float32)


@pytest.mark.parametrize("bands", [64, 20])
def test_patches_equal_vggish_definition(bands: int) -> None:
    sound = _sound(2.3)
    patches = log_mel.log_mel(sound, schema.LogMel(bands=bands))
    expected = reference.log_mel(sound, bands)
    assert patches.shape == (2, 96, bands)
    assert patches.dtype == np.float32
    np.testing.assert_allclose(patches, expected, atol=2e-4)


def test_silence_is_log_of_the_offset() -> None:
    patches = log_mel.log_mel(np.zeros(log_mel.RATE, np.float32), LOG_MEL)
    np.testing.assert_allclose(patches, np.log(0.01), rtol=1e-6)


def test_a_pure_tone_fills_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(log_mel.RATE) / log_mel.RATE)
    patches = log_mel.log_mel(tone.astype(np.float32), LOG_MEL)
    weights = reference.mel_weights(257, 64, log_mel.RATE)
    assert (patches.argmax(axis=-1) == weights[32].argmax()).all()  # bin 32 is 1 kHz


@pytest.mark.parametrize(
    ("samples", "patches"),
    [(0, 0), (1, 0), (399, 0), (15_599, 0), (15_600, 1), (30_959, 1), (30_960, 2)],
)
def test_only_whole_patches_count(samples: int, patches: int) -> None:
    sound = _sound(2)[:samples]
    assert log_mel.log_mel(sound, LOG_MEL).shape == (patches, 96, 64)


def test_no_more_patches_than_the_specification_keeps() -> None:
    few = log_mel.log_mel(_sound(5), schema.LogMel(max_patches=2))
    many = log_mel.log_mel(_sound(5), schema.LogMel(max_patches=20))
    assert few.shape[0] == 2
    assert many.shape[0] == 5
    np.testing.assert_array_equal(few, many[:2])


def test_another_rate_is_resampled() -> None:
    direct = log_mel.log_mel(_sound(2.1), LOG_MEL)
    resampled = log_mel.log_mel(_sound(2.1, rate=32_000), LOG_MEL, rate=32_000)
    assert resampled.shape == direct.shape
    # The sweep stays where it is; the noise differs.
    assert np.mean(direct.argmax(-1) == resampled.argmax(-1)) > 0.8


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mono \(n,\); received \(10, 2\)"):
        log_mel.log_mel(np.zeros((10, 2), np.float32), LOG_MEL)
