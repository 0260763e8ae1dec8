import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.common.config import ConfigError
from transform.records import tokenizers
from transform.records.tokenizers import Characters, UnicodeWords, Whitespace, Words
from transform.records.vocabulary import Vocabulary

MIXED = "A t-shirt, file_name & don’t: 3.5 m 👩‍🚒👍🏽🇩🇪!"
KINDS = {
    "words": Words(),
    "whitespace": Whitespace(kind="whitespace"),
    "unicode": UnicodeWords(kind="unicode"),
    "characters": Characters(kind="characters"),
}


def split(kind, text):
    (words,) = KINDS[kind].split(tf.constant([text])).to_list()
    return [word.decode() for word in words]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("words", MIXED, "a t shirt file name don t 3 5 m"),
        ("whitespace", MIXED, "a t-shirt, file_name & don’t: 3.5 m 👩‍🚒👍🏽🇩🇪!"),
        ("unicode", MIXED, "a t-shirt file_name don't 3 5 m 👩‍🚒 👍🏽 🇩🇪"),
        ("characters", MIXED, "a t shirt file name don t 3 5 m 👩‍🚒 👍🏽 🇩🇪"),
        ("words", "'a' 'b' dog's", "a b dog's"),
        ("unicode", "-a- _b_ ‘c’ d‐e", "a b c d-e"),
        ("whitespace", "一个男人\u3000跑步", "一个男人 跑步"),
        ("unicode", "一个男人在跑步。", "一 个 男 人 在 跑 步"),
        ("characters", "一个男人用iPhone 15拍照。", "一 个 男 人 用 iphone 15 拍 照"),
        ("characters", "เด็กวิ่ง", "เ ด็ ก วิ่ ง"),
        ("characters", "달린다 é", "달 린 다 é"),
    ],
)
def test_each_kind_splits_as_documented(kind, text, words):
    assert split(kind, text) == words.split()


def test_case_is_kept_where_that_is_chosen():
    kept = UnicodeWords(kind="unicode", lower_case=False)
    assert kept.split(tf.constant(["A BMW"])).to_list() == [[b"A", b"BMW"]]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=30))
def test_words_with_spaces_between_are_the_same_words(kind, text):
    words = split(kind, text)
    assert split(kind, " ".join(words)) == words


def test_characters_are_joined_without_spaces_but_between_latin_words():
    spaced = ["一 个 男 人 用 iphone 15 拍 照", "เ ด็ ก วิ่ ง", "a cafe\u0301 b", ""]
    joined = KINDS["characters"].join(tf.constant(spaced)).numpy()
    assert [text.decode() for text in joined] == [
        "一个男人用iphone 15拍照",
        "เด็กวิ่ง",
        "a cafe\u0301 b",
        "",
    ]
    assert KINDS["words"].join(tf.constant(spaced)).numpy()[0].decode() == spaced[0]


def test_metrics_count_signs_that_references_write_without_spaces():
    texts = ["一个人", "a Dog, 'runs'"]
    assert KINDS["words"].spaced(texts)[0].split() == list("一个人")
    assert KINDS["words"].spaced(texts)[1] == texts[1]  # left to the Penn Treebank
    assert KINDS["characters"].spaced(texts) == ["一 个 人", "a dog runs"]
    assert KINDS["whitespace"].spaced(["a \ud800 dog"]) == ["a ? dog"]


def test_a_tokenizer_tells_vocabularies_apart_and_encodes_their_captions():
    captions = ["一个男人跑步", "一个人"]
    signs = Vocabulary.from_captions(captions, 1, KINDS["characters"])
    assert signs.words[4:6] == ("人", "个") and len(signs) == 4 + 6
    ids = signs.encode(tf.constant(captions), 8)
    assert signs.decode(ids).numpy()[1].decode() == "一 个 人"
    assert signs.digest != Vocabulary(signs.words[4:]).digest
    whole = Vocabulary.from_captions(captions, 1, KINDS["whitespace"])
    assert set(whole.words[4:]) == set(captions)


def test_a_kind_is_found_by_its_name_and_settings_survive_json():
    assert [tokenizers.of_kind(kind) for kind in KINDS] == list(KINDS.values())
    with pytest.raises(ConfigError, match=r"words.*whitespace.*unicode.*characters"):
        tokenizers.of_kind("letters")
    kept = Whitespace(kind="whitespace", lower_case=False)
    assert tokenizers.from_json(kept.to_json()) == kept
    assert tokenizers.from_json("") == Words()
