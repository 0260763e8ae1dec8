import pathlib

import pytest

from transform import datasets
from transform.datasets import AnnotationError, Mvad


def _source(folder: pathlib.Path, **splits: str) -> Mvad:
    files = {}
    for split, text in splits.items():
        path = folder / f"corpus_M-VAD_{split}.txt"
        path.write_text(text)
        files[split] = str(path)
    return Mvad(files=files)


def test_clips_lie_in_their_movies_folder(tmp_path) -> None:
    source = _source(
        tmp_path,
        train="21_JUMP_STREET_DVS20\tSOMEONE nods.\n21_JUMP_STREET_DVS20\tHe nods.\n",
        test="BAD_SANTA_DVS1\tHe drinks.\n",
    )
    first, second = datasets.read(source)
    assert first == datasets.VideoRecord(
        "21_JUMP_STREET_DVS20",
        str(tmp_path / "video" / "21_JUMP_STREET" / "21_JUMP_STREET_DVS20.avi"),
        "train",
        ("SOMEONE nods.", "He nods."),
        "21_JUMP_STREET",
        None,
        None,
    )
    assert (second.split, second.category) == ("test", "BAD_SANTA")


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        (
            {"train": "JUMP\tHe nods."},
            r"train\.txt, line 1: a name of the form <MOVIE>",
        ),
        ({"train": "JUMP_DVSx\tHe nods."}, r"received 'JUMP_DVSx\\tHe nods\.'"),
        ({"train": "JUMP_DVS1 He nods."}, r"train\.txt, line 1: a name of the form"),
        ({"train": "JUMP_DVS1\t "}, r"'JUMP_DVS1' of the train split has no caption"),
        (
            {"train": "A_DVS1\tx", "val": "\nA_DVS1\tx"},
            r"val\.txt, line 2: clip A_DVS1 is in the train split already",
        ),
        ({"train": ""}, r"no video is listed in .*train\.txt"),
    ],
)
def test_mistakes_are_one_sentence_with_their_line(tmp_path, splits, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        _source(tmp_path, **splits).read()
