import numpy as np
import pytest
from PIL import Image

from serving.visualization import filmstrip
from serving.visualization.filmstrip import ClipView


def make_view(frames=5, words=("a", "red", "ball")) -> ClipView:
    rng = np.random.default_rng(0)
    return ClipView(
        key_frames=rng.integers(0, 256, (frames, 30, 40, 3), dtype=np.uint8),
        words=words,
        temporal=np.eye(len(words), frames),
        spatial=rng.random((frames, 3, 4)),
        flow=rng.integers(100, 150, (frames, 16, 16, 4), dtype=np.uint8),
    )


def test_the_most_attended_cell_is_the_brightest():
    weights = np.zeros((3, 3))
    weights[0, 2] = 1.0
    overlay = filmstrip.attention_overlay(np.full((90, 90, 3), 100, np.uint8), weights)
    cells = overlay.astype(float).sum(-1).reshape(3, 30, 3, 30).mean((1, 3))
    assert np.unravel_index(cells.argmax(), cells.shape) == (0, 2)


def test_no_motion_is_white_and_opposite_motions_differ_in_hue():
    still = np.full((8, 8, 4), 128, np.uint8)
    assert (filmstrip.flow_image(still) == 255).all()
    right, left = still.copy(), still.copy()
    right[..., 0::2] += 60
    left[..., 0::2] -= 60
    difference = filmstrip.flow_image(right).astype(int) - filmstrip.flow_image(left)
    assert np.abs(difference).max() > 200


@pytest.mark.parametrize("frames", [1, 3, 20])
def test_a_filmstrip_has_a_row_for_each_word_and_each_kind_of_image(frames):
    view = make_view(frames)
    whole = filmstrip.filmstrip(view)
    bare = filmstrip.filmstrip(view._replace(spatial=np.zeros(0), flow=np.zeros(0)))
    wordless = filmstrip.filmstrip(view._replace(words=()))
    assert whole.shape[1] == bare.shape[1] == wordless.shape[1]
    assert whole.shape[0] > wordless.shape[0] > bare.shape[0] - 3 * 22


def test_a_words_weight_darkens_its_key_frames_column():
    strip = filmstrip.filmstrip(make_view(5))
    darkest = []
    for word in range(3):
        row = strip[(word - 3) * 22 + 5, 96:].astype(int).sum(-1)
        darkest.append(int(np.flatnonzero(row == row.min()).mean() * 5 / len(row)))
    assert darkest == [0, 1, 2]


def test_saved_pictures_open_again(tmp_path):
    strip = filmstrip.filmstrip(make_view())
    filmstrip.save(strip, tmp_path / "strip.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "strip.png")), strip)
