import numpy as np
import pytest
from PIL import Image

from serving.visualization import filmstrip
from serving.visualization.clip_view import (
    ClipView,
    FilmRow,
    KeyFrame,
    StepWeights,
    WordFrames,
    WordOptions,
)
from serving.visualization.filmstrip import LEFT, STRIP

WORDS = ("a", "red", "ball")
BLUE = (26, 115, 232)


def picture(value: int = 90) -> np.ndarray:
    return np.full((30, 40, 3), value, np.uint8)


def make_view(words=WORDS, spans=((0, 2), (2, 5), (5, 10))) -> ClipView:
    spans = np.array(spans, float)
    count = len(words)
    return ClipView(
        words=words,
        seconds=20.0,
        frames=(WordFrames("grid", (picture(),) * count, spans[[0] * count]),),
        options=(WordOptions(("pool4", "pool5"), np.full((count, 2), 0.5)),),
        film=(FilmRow("frames", (picture(),) * 8),),
        steps=(StepWeights("grid", spans, np.eye(3)[np.arange(count) % 3]),),
        key_frames=(),
        first_pass=None,
    )


def blue_columns(image: np.ndarray, row: int) -> tuple[float, float]:
    """Where blue begins and ends in a row of pixels, in seconds of a clip of 20."""
    columns = np.flatnonzero((image[row] == BLUE).all(axis=1)) - LEFT
    return columns[0] / STRIP * 20, (columns[-1] + 1) / STRIP * 20


def test_a_bar_is_at_the_time_of_its_step_and_as_wide():
    image = filmstrip.filmstrip(make_view())
    # The bars of words are the last rows, 18 pixels high, 4 apart.
    for number, span in enumerate([(0, 2), (2, 5), (5, 10)]):
        row = len(image) - (len(WORDS) - number) * 22 + 9
        assert blue_columns(image, row) == pytest.approx(span, abs=0.05)


def test_time_that_no_step_stands_for_stays_white():
    image = filmstrip.filmstrip(make_view())
    bars = image[-22 * 3 : -4]
    assert (bars[:, LEFT + round(0.55 * STRIP) : LEFT + STRIP] == 255).all()


def test_a_bars_height_is_its_share_of_the_words_largest_weight():
    view = make_view(words=("ball",))
    weights = np.array([[0.2, 0.1, 0.0]])
    steps = view.steps[0]._replace(weights=weights)
    image = filmstrip.filmstrip(view._replace(steps=(steps,)))
    bars = image[-22:-4]
    blue = (bars == BLUE).all(axis=2).sum(axis=0)
    heights = [blue[LEFT + round(s / 20 * STRIP)] for s in (1, 3, 7)]
    assert heights == [18, 9, 0]


def test_every_part_has_rows_of_its_own():
    view = make_view()
    steps = view.steps[0]._replace(weights=np.array([[0.1, 0.8, 0.1]]))
    heights = [
        len(filmstrip.filmstrip(each))
        for each in (
            view,
            view._replace(frames=()),
            view._replace(options=()),
            view._replace(frames=(), options=()),
            view._replace(steps=()),
            view._replace(key_frames=(KeyFrame(steps, picture()),)),
            view._replace(words=(), frames=(), options=(), steps=()),
        )
    ]
    whole, frameless, optionless, wordless, stepless, keyed, bare = heights
    assert keyed > whole > optionless > wordless > bare
    assert frameless < whole and bare < stepless < whole


def test_the_captions_of_both_passes_have_a_line_each():
    view = make_view()
    one = filmstrip.filmstrip(view)
    both = filmstrip.filmstrip(view._replace(first_pass="a blue cube"))
    assert len(both) == len(one) + 2 * 26
    bars = len(one) - 3 * 22 - 26  # and the heading above them
    lines = both[bars : bars + 52]
    assert (lines[:26] != lines[26:]).any()
    assert (both[:bars] == one[:bars]).all()
    assert (both[bars + 52 :] == one[bars:]).all()


def test_many_words_take_several_lines():
    one = filmstrip.filmstrip(make_view(words=("word",) * 8))
    two = filmstrip.filmstrip(make_view(words=("word",) * 9))
    assert one.shape[1] == two.shape[1]
    assert len(two) > len(one) + 100


def test_options_are_bars_below_their_words():
    view = make_view(words=("a", "b"))
    weights = np.array([[0.25, 0.75], [1.0, 0.0]])
    view = view._replace(options=(WordOptions(("x", "y"), weights),), steps=())
    blue = (filmstrip.filmstrip(view) == BLUE).all(axis=2).sum(axis=1)
    lines = [int(count) for count in np.unique(blue[blue > 0])]
    assert lines == [99, 33 + 132]  # of 132 pixels: y of a, then x of both


def test_the_key_frame_is_below_its_step():
    steps = StepWeights("grid", np.array([[0, 5], [5, 20.0]]), np.array([[0.3, 0.7]]))
    view = make_view()._replace(frames=(), options=(), steps=())
    view = view._replace(key_frames=(KeyFrame(steps, picture(255)),))
    image = filmstrip.filmstrip(view)
    begin, end = blue_columns(image, len(image) - 5)  # of its border
    assert (begin + end) / 2 == pytest.approx(12.5, abs=0.1)


@pytest.mark.parametrize("seconds", [0.04, 0.7, 10, 95, 5000])
def test_clips_of_any_length_are_drawn(seconds):
    spans = np.array([[0, 0.5], [0.5, 1.0], [1.0, 1.0]]) * seconds
    view = make_view(spans=spans)._replace(seconds=seconds)
    assert (
        filmstrip.filmstrip(view).shape[1] == filmstrip.filmstrip(make_view()).shape[1]
    )


def test_a_word_without_a_frame_leaves_its_place_white():
    frames = WordFrames("grid", (None, picture(), picture()), np.zeros((3, 2)))
    view = make_view()._replace(frames=(frames,), options=(), steps=(), film=())
    image = filmstrip.filmstrip(view)
    assert (image[30:100, LEFT : LEFT + 132] == 255).all()
    assert (image[30:100, LEFT + 136 : LEFT + 268] == 90).all()


def test_saved_pictures_open_again(tmp_path):
    strip = filmstrip.filmstrip(make_view())
    filmstrip.save(strip, tmp_path / "strip.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "strip.png")), strip)
