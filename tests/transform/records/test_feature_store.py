import pytest
import tensorflow as tf

from transform.records.feature_store import FeatureStore, clip_hash
from transform.video.video_info import VideoInfo

INFO = VideoInfo("ok", "", 60, 0, 30.0, 2.0, 160, 120, 0, "h264", "yuv420p", "aac")
NAME = "0123456789abcdef" * 2


@pytest.fixture
def store(tmp_path):
    return FeatureStore(str(tmp_path), "spec")


def test_entry_comes_back_as_it_was_put(store):
    features = {"flow": b"\x00\xff" * 1000, "grid": b""}
    store.put(NAME, INFO, features)
    assert store.info(NAME) == INFO
    assert store.get(NAME) == (INFO, features)


def test_failure_is_an_entry_without_features(store):
    store.put(NAME, VideoInfo.failed("the file is empty"), {})
    assert store.info(NAME).reason == "the file is empty"
    assert store.get(NAME).features == {}


def test_equal_entries_are_equal_bytes(store, tmp_path):
    other = FeatureStore(str(tmp_path), "other")
    for one in (store, other):
        one.put(NAME, INFO, {"flow": b"planes"})
    with open(store.path(NAME), "rb") as first, open(other.path(NAME), "rb") as second:
        assert first.read() == second.read()


def test_specifications_do_not_mix(store, tmp_path):
    store.put(NAME, INFO, {})
    assert FeatureStore(str(tmp_path), "other").info(NAME) is None


@pytest.mark.parametrize("kept", [0, 30, 200])
def test_entry_that_lost_bytes_counts_as_absent(store, kept):
    store.put(NAME, INFO, {"flow": b"planes"})
    with open(store.path(NAME), "r+b") as file:
        file.truncate(kept)
    assert store.info(NAME) is None


def test_absent_entry(store):
    assert store.info(NAME) is None
    with pytest.raises(tf.errors.NotFoundError):
        store.get(NAME)


def test_store_works_on_a_remote_file_system():
    store = FeatureStore("ram://test-feature-store", "spec")
    store.put(NAME, INFO, {"flow": b"planes"})
    assert store.info(NAME) == INFO
    assert store.get(NAME).features == {"flow": b"planes"}


def test_clip_is_its_content_and_its_bounds_and_not_its_name(tmp_path):
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    one.write_bytes(b"frames")
    two.write_bytes(b"frames")
    other.write_bytes(b"framez")
    assert clip_hash(one) == clip_hash(two)
    names = {
        clip_hash(one),
        clip_hash(other),
        clip_hash(one, 1.0),
        clip_hash(one, 1.0, 2.0),
        clip_hash(one, None, 2.0),
    }
    assert len(names) == 5
    assert {len(name) for name in names} == {32}
