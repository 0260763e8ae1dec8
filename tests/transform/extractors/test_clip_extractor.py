import numpy as np
import pytest

from tests.support import clips, corpus
from transform.backbones import loading
from transform.common.config import ConfigError
from transform.extractors.clip_extractor import Extractor
from transform.records import example_codec
from transform.schema import FeatureSpec, Flow, FrameSampling, Imported, LogMel
from transform.schema.resize import OwnShape
from transform.video import optical_flow, reader
from transform.video.frame_requests import FrameRequest
from transform.video.video_info import DecodeError


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.write(tmp_path_factory.mktemp("clips") / "clip.mp4", 90, sound="aac")


def test_features_fit_the_specification(clip):
    found = Extractor(corpus.SPEC).extract(clip)
    assert found.info.status == "ok"
    assert found.features.keys() == {"flow", "grid", "log_mel"}
    assert found.features["flow"].shape == (4, 32, 32, 4)
    assert found.features["grid"].shape == (4, 2, 2, 64)
    assert found.features["log_mel"].shape == (2, 96, 64)
    for tensor in corpus.SPEC.tensors():
        assert example_codec.encode_tensor(found.features[tensor.name], tensor)
    np.testing.assert_allclose(found.frames.key_seconds * 30, [11, 33, 56, 78])


def test_part_of_a_clip_gives_other_features_and_less_sound(clip):
    extractor = Extractor(corpus.SPEC)
    whole, part = extractor.extract(clip), extractor.extract(clip, 1.0, 2.0)
    assert part.info.frames == 30
    seconds = part.frames.key_seconds
    assert (seconds >= 1).all() and (seconds < 2).all()
    assert len(part.features["log_mel"]) == 1
    assert not np.array_equal(part.features["grid"], whole.features["grid"])


def test_extraction_is_repeatable(clip):
    one, two = (Extractor(corpus.SPEC).extract(clip) for _ in range(2))
    for name, values in one.features.items():
        np.testing.assert_array_equal(values, two.features[name])


def test_frames_that_are_kept_besides_change_no_feature(clip):
    alone = Extractor(corpus.SPEC).extract(clip)
    request = FrameRequest(24, resize=OwnShape())
    kept = Extractor(corpus.SPEC).extract(clip, keep=[request])
    for name, values in alone.features.items():
        np.testing.assert_array_equal(values, kept.features[name])
    read = reader.read_frames(clip, corpus.SPEC.sampling, [request])
    assert not alone.frames.frame_sets
    assert kept.frames.frame_sets.keys() == {request}
    np.testing.assert_array_equal(
        kept.frames.frame_sets[request].frames, read.frame_sets[request].frames
    )
    np.testing.assert_array_equal(kept.frames.frame_seconds, read.frame_seconds)


def test_clip_without_sound_lacks_that_feature_only(tmp_path):
    path = clips.write(tmp_path / "silent.mp4")
    found = Extractor(corpus.SPEC).extract(path)
    assert found.info.status == "ok"
    assert found.features.keys() == {"flow", "grid"}


def test_sound_that_cannot_be_decoded_is_left_out_and_said(clip, monkeypatch):
    def read_audio(path, **_):
        raise DecodeError(path, "no decoder for its audio is installed")

    monkeypatch.setattr(reader, "read_audio", read_audio)
    found = Extractor(corpus.SPEC).extract(clip)
    assert "log_mel" not in found.features
    assert found.info.status == "ok"
    assert found.info.reason == "sound left out: no decoder for its audio is installed"


def test_clip_of_few_frames_has_as_many_steps(tmp_path):
    path = clips.write(tmp_path / "short.mp4", 3)
    found = Extractor(corpus.SPEC).extract(path)
    assert found.info.status == "short"
    assert len(found.features["flow"]) == len(found.features["grid"]) == 3


def test_flow_is_measured_at_the_clips_own_size_up_to_a_limit(clip):
    sampling = FrameSampling(frames=2, window=3)
    sizes = {"own": (120, 160), "limited": (48, 64)}
    flows = (
        Flow(name="own", size=32),
        Flow(name="limited", size=64, max_side=64),
    )
    found = Extractor(FeatureSpec(sampling=sampling, features=flows)).extract(clip)
    for flow in flows:
        request = FrameRequest(
            flow.max_side, resize=OwnShape(), pixels="gray", chunk_size=3
        )
        windows = reader.read_frames(clip, sampling, [request]).frame_sets[request]
        assert windows.frames.shape[1:] == sizes[flow.name]
        expected = optical_flow.flow_stack(windows.frames, windows.rows, flow)
        np.testing.assert_array_equal(found.features[flow.name], expected)


def test_sound_alone_can_be_asked_for(clip):
    found = Extractor(FeatureSpec(features=(LogMel(),))).extract(clip)
    assert found.features.keys() == {"log_mel"}


def test_clip_that_cannot_be_decoded_raises(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(DecodeError, match="the file is empty"):
        Extractor(corpus.SPEC).extract(path)


def test_the_rules_of_decoding_are_filled_in_and_others_are_refused(monkeypatch):
    spec = FeatureSpec(features=(Flow(),))
    with pytest.raises(ConfigError, match="decoding rules 2"):
        Extractor(spec.replace(decoding=2))
    monkeypatch.setattr(loading, "DECODING", 3)
    assert loading.resolve(spec).decoding == 3


def test_imported_features_are_not_made_from_clips():
    spec = FeatureSpec(
        features=(Imported(name="i3d", shape=(4,), max_steps=2, origin="a file"),)
    )
    with pytest.raises(ConfigError, match=r"i3d is imported from files \(a file\)"):
        Extractor(spec)


def test_values_beyond_float16_are_refused(clip, monkeypatch):
    def load(feature):
        return lambda frames: (np.full((len(frames), 2, 2, 64), 7e4, np.float32),)

    monkeypatch.setattr(loading, "load", load)
    with pytest.raises(ValueError, match="feature grid has values beyond float16"):
        Extractor(corpus.SPEC).extract(clip)
