"""How captions become words: `vocabulary.tokenizer` of a run configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Union

from transform.common.config import BY_KIND, Config

if TYPE_CHECKING:
    import tensorflow as tf

# Patterns of RE2 and what takes their places, in this order.
_Rules = tuple[tuple[str, str], ...]

# Scripts that put no spaces between words, where each sign is a word of its own.
_SIGN = (
    r"([\p{Han}\p{Hiragana}\p{Katakana}ー]|"
    r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*)"
)
_SIGNS_APART = (_SIGN, r" \1 ")
# One picture of several code points: tones of skin, variants, families, flags.
_TONE = r"[\p{M}\x{1F3FB}-\x{1F3FF}]*"
_EMOJI = (
    rf"([\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|\p{{So}}{_TONE}(?:\x{{200D}}\p{{So}}{_TONE})*)"
)
_EMOJI_APART = (_EMOJI, r" \1 ")
_OF_EMOJI = r"\p{So}\x{200D}\x{1F3FB}-\x{1F3FF}"
_SHORT = r"[\p{Latin}\p{N}]"  # what stays together between signs, as in "iPhone 15"
_ALONE = r"[^\p{Latin}\p{N}\p{M}\s]"


def _without_outer(signs: str) -> _Rules:
    """Returns what drops signs at the beginnings and the ends of words."""
    rule = (rf"(^|\s){signs}+|{signs}+(\s|$)", " ")
    return rule, rule  # of two words side by side, the space goes to one


class Tokenizer(Config):
    """The way in which a caption is split into words.

    It belongs to a vocabulary and goes with it into every model, so that what is
    trained, scored and served are the same words.
    """

    lower_case: bool = True  # whether A and a are one
    # Whether `spaced` leaves it to the Penn Treebank tokenizer what is scored.
    scored_as_treebank: ClassVar[bool] = False
    _splitting: ClassVar[_Rules]  # after them, words are what stands between spaces
    _joining: ClassVar[_Rules] = ()  # after them, a caption reads as people write

    def split(self, captions: tf.Tensor) -> tf.RaggedTensor:
        """Splits (…,) strings into words, by TensorFlow's ops."""
        import tensorflow as tf

        if self.lower_case:
            captions = tf.strings.lower(captions, encoding="utf-8")
        return tf.strings.split(_replaced(captions, self._splitting))

    def join(self, spaced: tf.Tensor) -> tf.Tensor:
        """Returns strings as a reader wants them, given words with spaces between."""
        return _replaced(spaced, self._joining)

    def spaced(self, captions: Sequence[str]) -> list[str]:
        """Returns captions with one space between any two words.

        What a model wrote in this way comes back as it was.
        """
        import tensorflow as tf

        words = self.split(_strings(captions))
        joined = tf.strings.reduce_join(words, axis=-1, separator=" ")
        return [text.decode() for text in joined.numpy()]


class Words(Tokenizer):
    """Letters, digits and apostrophes within a word; all else separates words.

    Hyphens and underscores separate, emoji and punctuation are dropped, `don't` is one
    word. Each sign of Chinese, Japanese, Thai, Lao, Khmer and Burmese is a word, with
    the marks on it. Scores are of the Penn Treebank's words, as published ones are.
    """

    kind: Literal["words"] = "words"
    scored_as_treebank: ClassVar[bool] = True
    _splitting = (
        _SIGNS_APART,
        (r"[^\p{L}\p{M}\p{N}']+", " "),
        *_without_outer("'"),
    )

    def spaced(self, captions: Sequence[str]) -> list[str]:
        """Returns captions with spaces between signs, for the Penn Treebank's rules."""
        if all(map(str.isascii, captions)):
            return list(captions)
        apart = _replaced(_strings(captions), (_SIGNS_APART,))
        return [text.decode() for text in apart.numpy()]


class Whitespace(Tokenizer):
    """What stands between white space is a word, whatever it is.

    Nothing is dropped or split: for captions that were tokenised before, and for
    languages whose words another program has set apart.
    """

    kind: Literal["whitespace"]
    _splitting = ((r"[\s\p{Z}]+", " "),)


class UnicodeWords(Tokenizer):
    """Words of any script; hyphens, underscores and apostrophes within them stay.

    `t-shirt`, `file_name` and `don't` are words, emoji are, too, and so are signs of
    scripts without spaces; punctuation separates and is dropped.
    """

    kind: Literal["unicode"]
    _splitting = (
        ("[’＇]", "'"),
        ("[‐‑]", "-"),
        _SIGNS_APART,
        _EMOJI_APART,
        (rf"[^\p{{L}}\p{{M}}\p{{N}}{_OF_EMOJI}'_-]+", " "),
        *_without_outer("['_-]"),
    )


class Characters(Tokenizer):
    """Every character is a word, with its marks: for languages without spaces.

    Captions come out without spaces, but between runs of Latin letters and digits,
    which stay whole (`iphone 15`). Emoji are words; punctuation is dropped.
    """

    kind: Literal["characters"]
    _splitting = (
        _EMOJI_APART,
        (rf"({_SHORT}(?:{_SHORT}|\p{{M}}|')*|\p{{L}}\p{{M}}*)", r" \1 "),
        (rf"[^\p{{L}}\p{{M}}\p{{N}}{_OF_EMOJI}']+", " "),
        *_without_outer("'"),
    )
    _joining = ((rf" ({_ALONE})", r"\1"), (rf"({_ALONE}\p{{M}}*) ", r"\1"))


AnyTokenizer = Annotated[
    Union[Words, Whitespace, UnicodeWords, Characters],
    BY_KIND,
]


def of_kind(kind: str) -> Tokenizer:
    """Returns a tokenizer with its usual settings; `ConfigError` for another kind."""
    return _Choice.from_dict({"tokenizer": {"kind": kind}}).tokenizer


def from_json(text: str) -> Tokenizer:
    """Returns the tokenizer that `to_json` described; the usual one for ''."""
    return _Choice.from_json(f'{{"tokenizer":{text}}}').tokenizer if text else Words()


class _Choice(Config):
    tokenizer: AnyTokenizer


def _replaced(text: tf.Tensor, rules: _Rules) -> tf.Tensor:
    import tensorflow as tf

    for pattern, replacement in rules:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def _strings(captions: Sequence[str]) -> tf.Tensor:
    import tensorflow as tf

    return tf.constant([text.encode(errors="replace") for text in captions], tf.string)
