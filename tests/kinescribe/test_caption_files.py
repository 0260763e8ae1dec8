import json

import pytest

from kinescribe import caption_files
from transform.common.errors import KinescribeError


@pytest.fixture
def write(tmp_path):
    def write(data) -> str:
        text = data if isinstance(data, str) else json.dumps(data)
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        return str(tmp_path / "a.json")

    return write


ROWS = [{"image_id": 7, "caption": "a cat", "id": 1}]


@pytest.mark.parametrize(
    "data",
    [
        {"7": "a cat"},
        {"7": ["a cat"]},
        ROWS,
        {"annotations": ROWS, "images": [{"id": 7}]},
        {"predictions": [{"video_id": "7", "caption": "a cat"}]},
        "\ufeff" + json.dumps(ROWS),
    ],
)
def test_the_forms_of_predictions_are_one(write, data):
    assert caption_files.read_predictions(write(data)) == {"7": "a cat"}


def test_references_of_a_clip_are_gathered(write):
    rows = [*ROWS, {"image_id": 8, "caption": "x"}, {"image_id": 7, "caption": "b"}]
    expected = {"7": ["a cat", "b"], "8": ["x"]}
    assert caption_files.read_references(write({"annotations": rows})) == expected
    assert caption_files.read_references(write(expected)) == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ROWS * 2, "'7' has 2 captions"),
        ('{"a": "x", "b": "y", "a": "z"}', "'a' is given twice"),
        ({"7": []}, "'7' has 0 captions"),
        ([], "must hold captions as"),
        (["a cat"], "must hold captions as"),
        ([{"caption": "a cat"}], "entry 0: an id"),
        ([{"image_id": 1}], "entry 0: an id"),
        ("{", "not valid JSON"),
    ],
)
def test_what_is_lost_or_no_captions_is_refused(write, data, why):
    with pytest.raises(KinescribeError, match=why):
        caption_files.read_predictions(write(data))
