"""The programs in examples/ do what their first lines say."""

import csv
import runpy

import pytest

from tests.support import clips, records_folder
from tests.support.paths import ROOT


def example(name):
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return records_folder.write(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def trained(records, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    example("train_a_model")(str(records), str(out), epochs=1)
    return out


def test_a_small_model_is_trained_exported_and_scored(trained):
    assert (trained / "model" / "1" / "saved_model.pb").exists()


def test_a_folder_is_captioned_and_a_broken_clip_gets_its_reason(trained, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    clips.write(folder / "good.mp4")
    (folder / "broken.mp4").write_text("no video")
    (folder / "notes.txt").write_text("not looked at")
    out = tmp_path / "captions.csv"
    example("caption_a_folder")(str(trained / "model"), str(folder), str(out))
    rows = {row["clip"]: row for row in csv.DictReader(out.read_text().splitlines())}
    assert rows.keys() == {"good.mp4", "broken.mp4"}
    assert rows["good.mp4"]["problem"] == "" and rows["good.mp4"]["log_prob"]
    assert rows["broken.mp4"]["problem"]


def test_an_encoder_of_ones_own_is_trained(records, tmp_path, capsys):
    example("own_encoder")(str(records), str(tmp_path), epochs=1)
    assert "validation CIDEr-D" in capsys.readouterr().out
