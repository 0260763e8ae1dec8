import pytest

from transform import datasets
from transform.datasets import AnnotationError, Flickr8k

TOKENS = (
    "1_a.jpg#0\tA dog runs .\n"
    "1_a.jpg#1\tThe dog is running .\n"
    "2_b.jpg#0\tA child climbs .\n"
    "3_c.jpg#0\tNobody lists this one .\n"
    "4_d.jpg#0\tTwo men sit .\n"
)


def source(folder, tokens=TOKENS, **lists):
    (folder / "Flickr8k.token.txt").write_text(tokens)
    names = {"train": "1_a.jpg\n", "dev": "2_b.jpg\n", "test": "4_d.jpg\n"} | lists
    for split, content in names.items():
        (folder / f"Flickr_8k.{split}Images.txt").write_text(content)
    return Flickr8k(captions=str(folder / "Flickr8k.token.txt"))


def test_lists_and_sentences_become_photographs_with_captions(tmp_path):
    found = datasets.read(source(tmp_path))
    assert [(each.video_id, each.split) for each in found] == [
        ("1_a", "train"),
        ("2_b", "val"),
        ("4_d", "test"),
    ]
    assert found[0].captions == ("A dog runs .", "The dog is running .")
    assert found[0].uri == str(tmp_path / "Flicker8k_Dataset" / "1_a.jpg")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tokens": TOKENS + "a sentence without a name\n"}, "line 6: a photograph's"),
        ({"dev": "2_b.jpg\n1_a.jpg\n"}, "1_a"),
        ({"dev": "5_e.jpg\n"}, "5_e"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(AnnotationError, match=sentence):
        datasets.read(source(tmp_path, **changes))


def test_a_list_that_is_missing_is_named(tmp_path):
    described = source(tmp_path)
    (tmp_path / "Flickr_8k.devImages.txt").unlink()
    with pytest.raises(AnnotationError, match=r"Flickr_8k\.devImages\.txt"):
        datasets.read(described)
