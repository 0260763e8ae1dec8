import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.common.location import LocationError
from transform.records.tokenizers import Words
from transform.records.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

WORDS = ("a", "dog", "runs", "dog's")


def split(captions):
    return Words().split(tf.constant(captions))


def test_split_lowers_and_drops_punctuation_but_keeps_inner_apostrophes():
    captions = tf.constant(
        ["A Dog's bone, 'quoted'!", "Ein Hündchen läuft…", "犬が走る"]
    )
    words = [[word.decode() for word in row] for row in split(captions).to_list()]
    assert words == [
        ["a", "dog's", "bone", "quoted"],
        ["ein", "hündchen", "läuft"],
        ["犬", "が", "走", "る"],
    ]


def test_scripts_without_spaces_are_split_into_signs_with_their_marks():
    captions = ["一个男人在跑步。", "เด็กวิ่ง", "한 남자가 달린다", "ラーメン 2杯"]
    words = [[word.decode() for word in row] for row in split(captions).to_list()]
    assert words[0] == list("一个男人在跑步")
    assert "".join(words[1]) == "เด็กวิ่ง" and len(words[1]) == 5
    assert words[2] == ["한", "남자가", "달린다"]
    assert words[3] == ["ラ", "ー", "メ", "ン", "2", "杯"]
    vocabulary = Vocabulary.from_captions(captions)
    ids = vocabulary.encode(tf.constant(captions[:1]), 10)
    assert vocabulary.decode(ids).numpy()[0].decode() == "一 个 男 人 在 跑 步"


def test_encode_cuts_long_captions_and_still_ends_them():
    ids = Vocabulary(WORDS).encode(tf.constant(["a dog runs a dog", "a cat", ""]), 3)
    assert ids.numpy().tolist() == [
        [4, 5, 6, EOS],
        [4, UNK, EOS, PAD],
        [PAD, PAD, PAD, PAD],
    ]


def test_encode_keeps_the_leading_axes():
    captions = tf.constant([["a", "dog"], ["runs", ""]])
    assert Vocabulary(WORDS).encode(captions, 2).shape == (2, 2, 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_decode_inverts_encode_for_known_words(words):
    vocabulary = Vocabulary(WORDS)
    caption = " ".join(words)
    ids = vocabulary.encode(tf.constant([caption]), 6)
    assert vocabulary.decode(ids).numpy()[0].decode() == caption


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_any_text_encodes_to_words_then_one_end_then_padding(text):
    ids = Vocabulary(WORDS).encode(tf.constant([text]), 5).numpy()[0].tolist()
    if any(ids):
        end = ids.index(EOS)
        assert all(token >= UNK for token in ids[:end])
        assert not any(ids[end + 1 :])


def test_decode_stops_at_the_end_and_skips_the_start():
    ids = tf.constant([[BOS, 4, 5, EOS, 6], [4, PAD, 5, 5, 5]])
    assert Vocabulary(WORDS).decode(ids).numpy().tolist() == [b"a dog", b"a"]


def test_a_file_gives_back_the_same_vocabulary(tmp_path):
    vocabulary = Vocabulary(WORDS)
    vocabulary.to_file(tmp_path / "words.txt")
    back = Vocabulary.from_file(tmp_path / "words.txt")
    assert back.words == vocabulary.words
    assert back.digest == vocabulary.digest != Vocabulary(WORDS[:2]).digest


def test_line_ends_of_other_systems_are_no_part_of_words(tmp_path):
    (tmp_path / "words.txt").write_bytes("\ufeffa\r\ndog\r\n\r\n".encode())
    assert Vocabulary.from_file(tmp_path / "words.txt").words[4:] == ("a", "dog")
    (tmp_path / "words.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(LocationError, match="not UTF-8"):
        Vocabulary.from_file(tmp_path / "words.txt")


def test_a_file_with_a_word_twice_is_refused_with_the_line(tmp_path):
    for text, line in (("a\ndog\n\na\n", "4"), ("dog\n<unk>\n", "2")):
        (tmp_path / "words.txt").write_text(text)
        with pytest.raises(
            LocationError, match=rf"words.txt: line {line} has .* again"
        ):
            Vocabulary.from_file(tmp_path / "words.txt")


def test_repeated_words_are_refused():
    with pytest.raises(ValueError, match="differ"):
        Vocabulary(["a", "a"])
