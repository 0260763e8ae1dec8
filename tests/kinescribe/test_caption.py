from __future__ import annotations

import json
import math
import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from kinescribe.cli import app
from kinescribe.commands import caption
from pipeline import configs
from serving.client.caption_result import CaptionResult
from serving.client.local_model import LocalModel
from serving.errors import ServingError
from serving.server.config import ServerConfig
from serving.server.server import Server
from serving.visualization import filmstrip
from transform.common.failures import OutputError
from transform.video import reader


@pytest.fixture
def run():
    """Runs `kinescribe caption`; the exit code and standard output's lines."""

    def run(*arguments) -> tuple[int, list[str]]:
        words = ["--verbose", "caption", *map(str, arguments)]
        outcome = CliRunner().invoke(
            app, words, standalone_mode=False, catch_exceptions=False
        )
        return outcome.return_value, outcome.stdout.splitlines()

    return run


def test_a_clip_is_captioned_with_a_model_on_disk(run, exported, clip):
    code, lines = run(clip, "--model", exported)
    best = LocalModel(exported).caption_file(clip)
    assert code == 0
    assert lines[0] == str(clip)
    assert lines[1].split() == [
        *best.caption.split(),
        f"{best.confidences[0]:.0%}",
        "a",
        "word",
    ]
    assert len(lines) == 2


def test_alternatives_come_with_their_probabilities(run, exported, clip):
    code, lines = run(clip, "--model", exported, "--top-k", 5, "--json")
    expected = LocalModel(exported).caption_file(clip)
    answer = json.loads(lines[0])
    assert code == 0
    assert answer["clip"] == str(clip)
    assert [found["caption"] for found in answer["captions"]] == list(expected.captions)
    assert [found["probability"] for found in answer["captions"]] == pytest.approx(
        expected.probabilities
    )


def test_a_broken_clip_is_named_and_the_others_are_captioned(
    run, exported, clip, broken_clip
):
    code, lines = run(broken_clip, clip, "--model", exported, "--json")
    broken, captioned = map(json.loads, lines)
    assert code == 1
    assert broken["clip"] == str(broken_clip) and "broken.mp4" in broken["error"]
    assert captioned["captions"]


def test_a_server_answers_as_the_model_does(run, exported, clip, tmp_path):
    shutil.copytree(exported, tmp_path / "1")
    with Server(ServerConfig(model_base=str(tmp_path), port=0)) as server:
        far = run(clip, "--server", server.address)
    assert far == run(clip, "--model", tmp_path)


def test_a_picture_shows_what_the_model_looked_at(run, exported, clip, tmp_path):
    code, _ = run(clip, "--model", exported, "--attention", tmp_path / "pictures")
    assert code == 0
    picture = (tmp_path / "pictures" / "square.mp4.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_a_picture_costs_no_second_decoding(run, exported, clip, tmp_path, monkeypatch):
    paths = []
    read_frames = reader.read_frames

    def counted(path, *arguments):
        paths.append(str(path))
        return read_frames(path, *arguments)

    monkeypatch.setattr(reader, "read_frames", counted)
    code, _ = run(clip, "--model", exported, "--attention", tmp_path / "pictures")
    assert code == 0
    assert paths == [str(clip)]


def test_a_picture_shows_both_captions_of_a_model_that_reads_clips_twice(
    run, two_pass_model, exported, clip, tmp_path, monkeypatch
):
    views = []
    draw = filmstrip.filmstrip
    monkeypatch.setattr(
        filmstrip, "filmstrip", lambda view: views.append(view) or draw(view)
    )
    pictures = ("--attention", tmp_path / "pictures")
    shutil.copytree(two_pass_model, tmp_path / "models" / "1")
    with Server(ServerConfig(model_base=str(tmp_path / "models"), port=0)) as server:
        run(clip, "--server", server.address, *pictures)
    run(clip, "--model", two_pass_model, *pictures)
    run(clip, "--model", exported, *pictures)
    far, near, once = views
    model = LocalModel(two_pass_model)
    record = model.to_record(model.extract(clip))
    (first,) = model.caption_first_pass([record])
    assert far.first_pass == near.first_pass == first.caption
    assert first.caption != " ".join(near.words) == model.caption_file(clip).caption
    assert near.key_frames and once.first_pass is None


def test_a_photograph_is_captioned_and_shown(run, exported, tmp_path):
    path = tmp_path / "square.jpg"
    Image.new("RGB", (160, 120), "red").save(path)
    code, lines = run(path, "--model", exported, "--attention", tmp_path / "pictures")
    assert code == 0
    assert lines[0] == str(path)
    assert (tmp_path / "pictures" / "square.jpg.png").is_file()


def test_no_model_yet_is_said(run, clip, tmp_path):
    with pytest.raises(ServingError, match="kinescribe demo"):
        run(clip, "--model", tmp_path)


def test_the_default_is_where_the_demo_pushes_to():
    assert configs.find("demo").push_destination == caption.DEFAULT_MODEL


def test_pictures_of_equally_named_clips_are_all_kept(run, exported, clip, tmp_path):
    folders = [tmp_path / "cat", tmp_path / "dog"]
    for folder in folders:
        folder.mkdir()
        shutil.copy(clip, folder / "000.mp4")
    clips = [folder / "000.mp4" for folder in folders]
    pictures = tmp_path / "pictures"
    options = ("--model", exported, "--attention", pictures)
    assert run(*clips, *options)[0] == 0
    assert run(clips[0], *options, "--start", 0.5)[0] == 0
    names = ["000.mp4-2.png", "000.mp4.png", "000.mp4_0.5-ends.png"]
    assert sorted(path.name for path in pictures.iterdir()) == names


def test_a_picture_that_cannot_be_saved_loses_no_clip(
    run, exported, clip, tmp_path, monkeypatch, capfd
):
    def full(*_):
        raise OSError(28, "No space left on device", "pictures/x")

    monkeypatch.setattr(filmstrip, "save", full)
    options = ("--model", exported, "--attention", tmp_path / "pictures", "--json")
    code, lines = run(clip, clip, *options)
    assert code == 1
    assert [json.loads(line)["captions"] != [] for line in lines] == [True, True]
    assert list((tmp_path / "pictures").iterdir()) == []


def test_a_pictures_folder_is_tried_before_a_model_is_loaded(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="another name"):
        run("a.mp4", "--model", "absent", "--attention", tmp_path / "file")


@pytest.mark.parametrize(
    ("clip", "why"),
    [
        ("https://example.org/a.mp4", "download it first"),
        ("ram://bucket/a.mp4", "there is no such file"),
    ],
)
def test_clips_elsewhere_are_named_as_they_are(run, exported, clip, why):
    code, [line] = run(clip, "--model", exported, "--json")
    assert code == 1
    assert json.loads(line)["error"] == f"cannot decode {clip}: " + (
        f"it is a web address; {why} and name the file." if "web" in line else f"{why}."
    )


def test_a_clip_in_a_bucket_is_copied(run, exported, clip):
    import tensorflow as tf

    tf.io.gfile.copy(str(clip), "ram://clips/a.mp4", overwrite=True)
    there, here = (run(c, "--model", exported) for c in ("ram://clips/a.mp4", clip))
    assert there[1][1:] == here[1][1:]


def test_no_caption_is_dropped_by_a_wrong_option(run, exported, clip):
    for wrong in ("0", "-1"):
        with pytest.raises(Exception, match="not in the range"):
            run(clip, "--model", exported, "--top-k", wrong)


def test_confidence_does_not_fall_with_every_word():
    words = (("a", "cat"), ("a", "cat", "runs", "home", "now"), ())
    log_probs = (-3.0, -6.0, float("-inf"))
    result = CaptionResult(("", "", ""), log_probs, words, {}, "")
    assert result.confidences == pytest.approx((math.exp(-1), math.exp(-1), 0.0))
