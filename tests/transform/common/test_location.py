import pickle

import pytest

from transform.common.config import Config, ConfigError
from transform.common.location import Location, LocationError


@pytest.mark.parametrize(
    ("file", "name", "joined"),
    [
        ("data/a.csv", "clips/b.mp4", "data/clips/b.mp4"),
        ("a.csv", "clips/b.mp4", "clips/b.mp4"),
        ("data/a.csv", "/clips/b.mp4", "/clips/b.mp4"),
        ("data/a.csv", "gs://bucket//b.mp4", "gs://bucket//b.mp4"),
        ("gs://bucket/a.csv", "clips/b.mp4", "gs://bucket/clips/b.mp4"),
        ("gs://bucket/x/a.csv", "s3://other/b", "s3://other/b"),
        ("s3://bucket/x [1]/a.csv", "b é.mp4", "s3://bucket/x [1]/b é.mp4"),
        ("gs://bucket/a.csv", "/clips/b.mp4", "/clips/b.mp4"),
    ],
)
def test_what_a_file_names_is_looked_for_beside_it(file, name, joined):
    assert Location(file).beside(name) == joined


def test_a_uri_keeps_both_slashes_and_its_parts():
    bucket = Location("gs://bucket/clips.v2/a.b.mp4")
    assert (bucket.scheme, bucket.name, bucket.stem) == ("gs", "a.b.mp4", "a.b")
    assert bucket.parent == "gs://bucket/clips.v2"
    assert bucket.is_remote and not Location("c:/a").is_remote


def test_file_uris_and_home_folders_are_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert Location("file:///data/a.mp4") == "/data/a.mp4"
    assert Location("~/a.mp4") == "/home/ann/a.mp4"
    assert Location("annotations.csv").beside("~/a.mp4") == "/home/ann/a.mp4"
    assert Location("a~/b") == "a~/b"


def test_a_location_is_a_string_wherever_it_goes():
    bucket = Location("gs://bucket/a")
    again = pickle.loads(pickle.dumps(bucket))
    assert again == "gs://bucket/a" and again.is_remote


class Setting(Config):
    file: Location


def test_settings_hold_locations_and_refuse_web_addresses(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    setting = Setting(file="~/a.csv")
    assert setting.file.parent == "/home/ann"
    assert setting.to_json() == '{"file":"/home/ann/a.csv"}'
    assert setting.to_yaml() == "{file: /home/ann/a.csv}\n"
    with pytest.raises(ConfigError, match=r"file = 'https://a/b.csv'.*download it"):
        Setting.from_dict({"file": "https://a/b.csv"})
    with pytest.raises(ConfigError, match="file = 3"):
        Setting.from_dict({"file": 3})


def test_text_is_utf_8_whatever_the_locale(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffé".encode())
    assert Location(path).read_text() == "é"
    path.write_bytes("é".encode("utf-16"))
    with pytest.raises(LocationError, match=r"a\.txt: .* not UTF-8 text but UTF-16"):
        Location(path).read_text()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "No such file"),
        ("https://example.org/a.csv", "download it first"),
        ("x" * 300, "shorter name"),
        ("a\0b", "null"),
        ("", "No such file"),
        ("/dev/full", "a device"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_sentence(name, why):
    with pytest.raises(LocationError) as raised:
        Location(name).read_bytes()
    assert why in str(raised.value) and str(raised.value).count("\n") == 0
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_bucket_is_read_by_tensorflow(tmp_path):
    import tensorflow as tf

    with tf.io.gfile.GFile("ram://data/a.csv", "w") as file:
        file.write("id")
    assert Location("ram://data/a.csv").read_text() == "id"
    with pytest.raises(LocationError, match="tensorflow-io"):
        Location("nosuch://data/a.csv").read_text()
    with pytest.raises(LocationError, match="No such file"):
        Location("ram://data/b.csv").read_text()
