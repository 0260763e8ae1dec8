from __future__ import annotations

import itertools
import json

import av
import numpy as np
import pytest
from typer import BadParameter
from typer.testing import CliRunner

from kinescribe import caption_run
from kinescribe.cli import app
from kinescribe.model_options import ModelChoice
from serving.client import caption_lines, cues
from serving.client.local_model import LocalModel
from serving.server.config import ServerConfig
from serving.server.server import Server
from transform.video.decoder import StreamDecoder
from transform.video.video_info import DecodeError

RATE = 10
COLOURS = ((200, 30, 30), (20, 180, 40), (40, 40, 220))
SCENES = (30, 25, 35)  # frames


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Three scenes, of a colour and a moving bar each."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = 96, 64
        for colour, frames in zip(COLOURS, SCENES, strict=True):
            for number in range(frames):
                picture = np.full((64, 96, 3), colour, np.uint8)
                picture[:, 2 * number : 2 * number + 12] = 128
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def run():
    """Runs `kinescribe describe`; the exit code and standard output."""

    def run(*arguments) -> tuple[int, str]:
        words = ["--verbose", "describe", *map(str, arguments)]
        outcome = CliRunner().invoke(
            app, words, standalone_mode=False, catch_exceptions=False
        )
        return outcome.return_value, outcome.stdout

    return run


@pytest.fixture(scope="module")
def model(exported):
    return LocalModel(exported)


@pytest.fixture
def loaded(monkeypatch, model):
    """The model is loaded already, which else takes most of a command's time."""
    monkeypatch.setattr(ModelChoice, "opened", lambda choice, console: model)


def test_scenes_are_captioned_as_by_themselves_and_joined(run, exported, model, film):
    code, text = run(film, "--model", exported, "--format", "jsonl")
    bounds = np.cumsum([0, *SCENES]) / RATE
    alone = [
        caption_lines.CaptionLine(
            *(str(film), float(start), float(end)),
            *(found.caption, found.confidences[0]),
        )
        for start, end in itertools.pairwise(bounds)
        for found in [model.caption_file(film, start, end)]
    ]
    expected = list(cues.joined(alone, cues.CueLengths()))
    found = list(map(json.loads, text.splitlines()))
    assert code == 0
    assert [(each["start"], each["end"], each["caption"]) for each in found] == [
        (each.start, each.end, each.caption) for each in expected
    ]
    for each, wanted in zip(found, expected, strict=True):
        assert each["confidence"] == pytest.approx(wanted.confidence, rel=1e-4)


def test_a_film_is_decoded_once(run, loaded, film, monkeypatch):
    decoded = []
    original = StreamDecoder.frames

    def frames(self, *bounds):
        decoded.append(self.path)
        return original(self, *bounds)

    monkeypatch.setattr(StreamDecoder, "frames", frames)
    assert run(film)[0] == 0
    assert run(film, "--every", 1.5)[0] == 0
    assert decoded == [str(film), str(film)]


def test_every_format_tells_the_same_cues(run, loaded, film, tmp_path):
    words = [film, "--every", 3, "--shortest", 0]
    _, text = run(*words, "--format", "jsonl")
    wanted = list(map(json.loads, text.splitlines()))
    for ending in caption_lines.FORMATS:
        out = tmp_path / f"film{ending}"
        assert run(*words, "--out", out) == (0, "")
        text = out.read_text()
        place = 0
        for cue in wanted:
            place = text.index(cue["caption"], place) + 1
    page = (tmp_path / "film.html").read_text()
    assert page.count('<img src="data:image/jpeg;base64,') == len(wanted)
    assert "\nSTART=0\nEND=" in (tmp_path / "film.ffmeta").read_text()
    assert (tmp_path / "film.chapters").read_text().startswith("00:00:00 ")


def test_cues_are_as_long_as_is_asked_for(run, loaded, film):
    words = ["--format", "jsonl", "--longest", "4"]
    code, text = run(film, *words)
    found = list(map(json.loads, text.splitlines()))
    assert code == 0
    assert all(cue["end"] - cue["start"] <= 4 + 1 / RATE for cue in found)
    assert found[0]["start"] == 0 and found[-1]["end"] == pytest.approx(9)


@pytest.mark.slow
def test_a_server_answers_as_the_model_does(run, exported, film, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "1").symlink_to(exported)
    with Server(ServerConfig(model_base=str(base), port=0)) as server:
        address = f"127.0.0.1:{server.port}"
        assert run(film, "--server", address) == run(film, "--model", exported)


def test_a_part_that_cannot_be_decoded_is_named_and_left_out(
    run, loaded, film, monkeypatch
):
    captioned = caption_run.caption_all

    def broken_in_the_middle(*arguments):
        for number, answer in enumerate(captioned(*arguments)):
            if number == 1:
                problem = DecodeError(film, "it is damaged")
                answer = answer._replace(result=None, problem=problem)
            yield answer

    monkeypatch.setattr(caption_run, "caption_all", broken_in_the_middle)
    code, text = run(film, "--shortest", 0, "--format", "jsonl")
    assert code == 1
    *_, broken, _ = map(json.loads, text.splitlines())
    assert not broken.get("caption") and "it is damaged" in str(broken)


@pytest.mark.parametrize("place", ["broken", "absent.mp4", "ram://nowhere/film.mp4"])
def test_a_film_that_is_none_is_told_before_a_model_is_loaded(
    run, broken_clip, tmp_path, place
):
    film = broken_clip if place == "broken" else place
    out = tmp_path / "out.csv"
    with pytest.raises(DecodeError):
        run(film, "--model", "absent", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--format", "doc"], "no format 'doc'; there are srt, vtt"),
        (["--out", "film"], "no format ''"),
        (["--shortest", "9", "--longest", "5"], "longer than --longest"),
        (["--server", "a:1"], "--model or --server, not both"),
    ],
)
def test_wrong_options_are_told_before_a_model_is_loaded(run, film, words, part):
    with pytest.raises(BadParameter, match=part):
        run(film, "--model", "absent", *words)
