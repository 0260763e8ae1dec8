import pytest
import tensorflow as tf

from pipeline.catalogue import wording
from transform.records import tokenizers

CAPTIONS = [
    "A man isn't in a t-shirt.",
    "一个男人在iPhone 15上跑步。",
    "мужчина бежит",
    "เด็ก",
    "file_name 3.5",
    "",
]


@pytest.mark.parametrize("kind", ["words", "whitespace", "unicode", "characters"])
def test_words_are_counted_as_the_tokenizer_makes_them(kind):
    tokenizer = tokenizers.of_kind(kind)
    counts = tokenizer.split(tf.constant(CAPTIONS)).row_lengths().numpy()
    for caption, count in zip(CAPTIONS, counts, strict=True):
        assert abs(wording.word_count(caption, tokenizer) - count) <= 3
        assert (wording.word_count(caption, tokenizer) > 1) == (count > 1)


def test_scripts_without_spaces_are_known_by_their_letters():
    assert wording.spaceless(["一个男人在跑步。", "a"])
    assert wording.spaceless(["เด็กวิ่ง"])
    assert not wording.spaceless(["мужчина бежит", "한 남자가"])
    assert not wording.spaceless(["a man", "一"])


def test_what_is_split_and_dropped_is_told_with_an_example():
    texts = ["a t-shirt", "a file_name 😀", "it isn't"]
    found = wording.losses(texts, tokenizers.of_kind("words"))
    assert found == (2, "t-shirt", 1, "😀")
    assert wording.losses(texts, tokenizers.of_kind("unicode")) == wording.Losses()
