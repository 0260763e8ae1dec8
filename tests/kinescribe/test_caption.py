from __future__ import annotations

import json
import math
import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from kinescribe import clip_names
from kinescribe.cli import app
from serving.client import local_clips
from serving.client.caption_result import CaptionResult
from serving.client.local_model import LocalModel
from serving.common.errors import ServingError
from serving.server.config import ServerConfig
from serving.server.server import Server
from serving.visualization import filmstrip
from tests.support import clips
from transform.common import outputs
from transform.common.errors import KinescribeError
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


@pytest.mark.slow
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
        raise OutputError("pictures/x cannot be written: No space left on device.")

    monkeypatch.setattr(outputs, "write", full)
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


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four seconds of numbered frames."""
    return clips.write(tmp_path_factory.mktemp("film") / "film.mp4", 80, rate=20)


def test_segments_have_the_captions_of_their_seconds(run, exported, film):
    code, lines = run(film, "--model", exported, "--segments", 1.5, "--json")
    answers = list(map(json.loads, lines))
    assert code == 0
    assert [(each["start"], each["end"]) for each in answers] == [
        *((0.0, 1.5), (1.5, 3.0), (3.0, 4.0)),
    ]
    model = LocalModel(exported)
    for each in answers:
        alone = model.caption_file(film, each["start"], each["end"])
        found = each["captions"][0]
        assert found["caption"] == alone.caption
        assert found["log_prob"] == pytest.approx(alone.log_probs[0], rel=1e-4)


def test_a_film_in_a_bucket_is_cut_and_its_captions_go_to_another(run, exported, film):
    import tensorflow as tf

    tf.io.gfile.copy(str(film), "ram://films/film.mp4", overwrite=True)
    words = ["--model", exported, "--segments", 2, "--out"]
    assert run("ram://films/film.mp4", *words, "ram://captions") == (0, [])
    with tf.io.gfile.GFile("ram://captions/film.srt") as file:
        there = file.read()
    assert "00:00:02,000 --> 00:00:04,000" in there
    assert local_clips._copies == {}


def test_subtitles_and_one_row_of_a_table_for_what_is_broken(
    run, exported, film, broken_clip, tmp_path
):
    out = tmp_path / "out"
    code, lines = run(film, "--model", exported, "--segments", "2", "--out", out)
    assert (code, lines) == (0, [])
    subtitles = (out / "film.srt").read_text()
    assert subtitles.startswith("1\n00:00:00,000 --> 00:00:02,000\n")
    assert "00:00:02,000 --> 00:00:04,000" in subtitles
    table = tmp_path / "table.csv"
    words = ["--model", exported, "--segments", "scenes", "--out", table]
    code, _ = run(broken_clip, film, *words)
    assert code == 1
    _, broken, *scenes = table.read_text().splitlines()
    assert broken.startswith(str(broken_clip)) and "cannot decode" in broken
    assert scenes[0].startswith(f"{film},0.0,") and ",4.0," in scenes[-1]


def test_folders_and_patterns_are_their_clips(run, exported, film, clip, tmp_path):
    for source in (film, clip):
        shutil.copy(source, tmp_path)
    found = []
    for place in (tmp_path, tmp_path / "*.mp4"):
        code, lines = run(place, "--model", exported, "--json")
        assert code == 0
        answers = [json.loads(line) for line in lines]
        # Which clips share a batch depends on time, and so do the last digits.
        found.append(
            [(each["clip"], each["captions"][0]["caption"]) for each in answers]
        )
    folder, pattern = found
    assert [clip for clip, _ in folder] == sorted(map(str, tmp_path.iterdir()))
    assert pattern == folder


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--segments", "shots"], "scenes, or a number of seconds"),
        (["--segments", "0"], "scenes, or a number of seconds"),
        (["--out", "captions", "--format", "ass"], "there is no format 'ass'"),
    ],
)
def test_wrong_options_are_told_before_a_model_is_loaded(run, film, words, part):
    with pytest.raises(KinescribeError, match=part):
        run(film, "--model", "absent", *words)


def test_brackets_in_a_folders_name_are_no_pattern(tmp_path, monkeypatch):
    folder = tmp_path / "runs [exp1]" / "in"
    folder.mkdir(parents=True)
    for name in ("a.mp4", "[b].mp4", "c.txt"):
        (folder / name).touch()
    found = [str(folder / name) for name in ("[b].mp4", "a.mp4")]
    assert clip_names.find([f"{folder}/*.mp4"]) == found
    assert clip_names.find([f"{tmp_path}/runs*/**/*.mp4"]) == found
    monkeypatch.chdir(tmp_path)
    assert clip_names.find(["runs [exp1]//in/[ab].mp4"]) == ["runs [exp1]/in/a.mp4"]


def test_captions_that_cannot_be_written_are_told_before_a_model_is_loaded(
    run, tmp_path
):
    (tmp_path / "file").touch()
    for out in ("file/a.srt", "file/folder"):
        with pytest.raises(OutputError, match="another name"):
            run("a.mp4", "--model", "absent", "--out", tmp_path / out)


def test_a_folder_without_clips_is_one_sentence(run, tmp_path):
    for name in (tmp_path, tmp_path / "*.mp4"):
        with pytest.raises(KinescribeError, match="has no clip"):
            run(name)


def test_names_without_clips_leave_the_other_clips_their_captions(
    run, exported, clip, tmp_path
):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, lines = run(empty, tmp_path / "*.mp4", clip, "--model", exported, "--json")
    told = {line["clip"]: line for line in map(json.loads, lines)}
    assert code == 1 and told[str(clip)]["captions"]
    assert "it is not a file" in told[str(empty)]["error"]
    assert "there is no such file" in told[f"{tmp_path}/*.mp4"]["error"]
