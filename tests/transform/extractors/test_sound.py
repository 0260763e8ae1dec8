import functools

import numpy as np
import pytest

from tests.support import clips
from transform.audio import log_mel
from transform.backbones import loading, vggish
from transform.extractors.clip_extractor import Extractor
from transform.schema import FeatureSpec, LogMel, Pca, VGGish
from transform.video import reader

NARROW = vggish.Widths(2, 2, 2, 2, 8)  # 128 numbers, of a small network


@pytest.fixture
def extractor(monkeypatch):
    monkeypatch.setattr(vggish, "build", functools.partial(vggish.build, NARROW))
    monkeypatch.setattr(loading, "load_embedder", loading.load_embedder.__wrapped__)
    feature = VGGish(max_patches=2, weights="random")
    whitened = feature.replace(name="whitened", postprocess=Pca(weights="random"))
    return Extractor(FeatureSpec(features=(feature, whitened)))


def test_a_step_for_each_patch(extractor, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 75, sound="aac")
    found = extractor.extract(path).features
    assert found["vggish"].shape == found["whitened"].shape == (2, 128)
    assert found["vggish"].dtype == np.float16
    patches = log_mel.log_mel(reader.read_audio(path), LogMel(max_patches=2))
    embed = loading.load_embedder(VGGish(max_patches=2, weights="random"))
    np.testing.assert_allclose(found["vggish"], embed(patches), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("frames", "sound"), [(60, ""), (20, "aac")])
def test_without_sound_or_with_too_little_there_is_no_step(
    extractor, tmp_path, frames, sound
):
    path = clips.write(tmp_path / "clip.mp4", frames, sound=sound)
    found = extractor.extract(path)
    assert found.features == {}
    assert found.info.reason == ""
