import functools
import io

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from kinescribe import figure_names
from kinescribe.cli import app
from serving.client.local_model import LocalModel
from serving.visualization import film, filmstrip
from serving.visualization.explanation import explain
from transform.common import storage
from transform.common.errors import KinescribeError
from transform.common.location import Location


def invoke(*arguments):
    command = ["--verbose", "explain", *map(str, arguments)]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def test_a_clip_is_explained_by_a_picture_and_a_film_of_a_second_a_word(
    exported, clip, tmp_path
):
    done = invoke(clip, "--model", exported, "--out", tmp_path / "figures")
    assert done.exit_code == 0, done.output
    result, view = explain(LocalModel(exported), str(clip))
    assert done.stdout.splitlines()[0] == result.caption
    picture = np.asarray(Image.open(tmp_path / "figures" / f"{clip.name}.png"))
    np.testing.assert_array_equal(picture, filmstrip.filmstrip(view))
    with av.open(str(tmp_path / "figures" / f"{clip.name}.mp4")) as container:
        (stream,) = container.streams.video
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
    assert len(frames) == 10 * max(len(view.words), 1)
    for word, drawn in enumerate(film.film(view)):
        shown = frames[10 * word + 5]
        assert shown.shape == drawn.shape
        difference = np.abs(shown.astype(int) - drawn.astype(int)).mean()
        assert difference < 4  # but for what H.264 loses


def test_no_figure_takes_the_place_of_another(tmp_path):
    free = functools.partial(figure_names.free, Location(tmp_path))
    assert free("x/a.mp4").name == "a.mp4"
    assert free("x/a.mp4", 1.5).name == "a.mp4_1.5-ends"
    assert free("x/a.mp4", None, 2.0).name == "a.mp4_0-2s"
    (tmp_path / "a.mp4.mp4").touch()
    (tmp_path / "a.mp4-2.png").symlink_to("nowhere")
    assert free("y/a.mp4").name == "a.mp4-3"
    storage.write("ram://figures/a.mp4.png", b"")
    assert figure_names.free(Location("ram://figures"), "a.mp4").name == "a.mp4-2"


def test_each_word_of_a_film_is_told_apart_and_a_caption_may_be_empty(exported, clip):
    _, view = explain(LocalModel(exported), str(clip))
    view = view._replace(words=("a", "red" * 60, "ball"), frames=(), steps=())
    first, second, third = film.film(view)
    assert first.shape == second.shape == third.shape
    assert (first != second).any() and (second != third).any()
    silent = view._replace(words=())
    with av.open(io.BytesIO(film.mp4(silent))) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_a_model_that_is_not_there_is_one_sentence(clip, tmp_path):
    with pytest.raises(KinescribeError, match="absent"):
        invoke(clip, "--model", tmp_path / "absent", "--out", tmp_path)
