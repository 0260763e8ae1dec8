import json

import pytest
import tensorflow as tf
import yaml

from kinescribe.commands import audio_words, extract
from tests.support import clips
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError
from transform.records import example_codec
from transform.schema import AudioWords, Category, FeatureSpec

ROWS = (
    {"id": "sounding", "video": "sounding.mp4", "category": "music"},
    {"id": "silent", "video": "silent.mp4"},
)


@pytest.fixture
def settings(tmp_path):
    """Of a pipeline over a clip with sound and a category, and one without both."""
    clips.write(tmp_path / "sounding.mp4", 20, sound="aac")
    clips.write(tmp_path / "silent.mp4", 20)
    lines = [json.dumps({**r, "split": "train", "captions": ["a"]}) for r in ROWS]
    (tmp_path / "clips.jsonl").write_text("\n".join(lines))
    grid = {"name": "tiny", "network": "tiny", "layer": "grid", "size": 32}
    grid = {**grid, "kind": "frame_grid", "grid": [2, 2], "width": 64}
    words = AudioWords(words=4, codebook=str(tmp_path / "words.npz"))
    about = Category(names=("animals", "music"))
    return {
        "name": "small",
        "root": str(tmp_path / "root"),
        "corpus": {"kind": "jsonl", "file": str(tmp_path / "clips.jsonl")},
        "features": {
            "sampling": {"frames": 2},
            "features": [
                {**grid, "weights": "random"},
                words.to_dict(),
                about.to_dict(),
            ],
        },
        "extraction": {"workers": 1, "shards": 1},
        "training": {
            "variant": "spatial_attention_stateless",
            "model": {"encoder": {"grid": "tiny"}},
        },
    }


@pytest.fixture
def config(settings, tmp_path):
    def config(changed=settings):
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(changed))
        return str(path)

    return config


def test_features_are_extracted_with_the_learnt_codebook(config, tmp_path, capsys):
    audio_words.command(config())
    printed = capsys.readouterr().out
    assert "1 × it has no sound" in printed
    assert "4 words from 66 windows of 1 of 2 training clips are in" in printed

    out = tmp_path / "out"
    extract.command(config(), out=str(out))
    spec = FeatureSpec.from_json((out / "feature_spec.json").read_text())
    assert spec.features[1].codebook_sha256
    (file,) = out.glob("Split-train/*")
    data = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    batch = example_codec.parse(tf.constant(data), spec)
    with_sound = batch.video_id.numpy() == b"sounding"
    assert sorted(with_sound) == [False, True]
    for name in ("audio_words", "category"):
        assert (batch.masks[name].numpy()[:, 0] == with_sound).all()
    assert batch.features["category"].numpy()[with_sound, 0].tolist() == [[0, 1]]


def test_findings_as_json_in_a_place_of_ones_own(config, tmp_path, capsys):
    out = tmp_path / "other.npz"
    audio_words.command(config(), out=str(out), windows=20, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "out": str(out),
        "words": 4,
        "clips": 2,
        "with_sound": 1,
        "windows": 10,
        "reasons": {"it has no sound": 1},
    }
    assert out.exists() and not (tmp_path / "words.npz").exists()


def test_corpus_and_features_are_enough(config, settings, tmp_path):
    for key in ("name", "root", "training"):
        del settings[key]
    audio_words.command(config())
    assert (tmp_path / "words.npz").exists()


def test_configuration_without_such_a_feature_is_one_sentence(config, settings):
    del settings["features"]["features"][1]
    with pytest.raises(ConfigError, match="one feature of kind audio_words; it has no"):
        audio_words.command(config())


def test_category_that_no_feature_knows_stops_the_extraction(
    config, settings, tmp_path
):
    settings["features"]["features"][2]["names"] = ["animals"]
    with pytest.raises(KinescribeError, match="clip sounding has the category 'music'"):
        extract.command(config(), out=str(tmp_path / "out"))
