"""How captions will become words, told without TensorFlow, before anything is run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from transform.records.tokenizers import (
    Characters,
    Tokenizer,
    UnicodeWords,
    Whitespace,
    Words,
)

# Names of letters, by Unicode, of the scripts that put no spaces between words.
_SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_RUN = re.compile(r"[^\W_]+")  # letters and digits
_CHARACTER = re.compile(r"[A-Za-z0-9]+|[^\W_]")
_JOINED = re.compile(r"[^\W_]+(?:[-_’][^\W_]+)+")


class Losses(NamedTuple):
    """Captions that lose something on their way to words, and an example of each."""

    split: int = 0  # that have a word which becomes several
    split_word: str = ""
    dropped: int = 0  # that have a picture which becomes nothing
    dropped_sign: str = ""


def spaceless(captions: Sequence[str]) -> bool:
    """Returns whether most letters are of scripts that put no spaces between words."""
    letters = [sign for text in captions for sign in text if sign.isalpha()]
    return 2 * sum(map(_is_spaceless, letters)) > len(letters)


def word_count(caption: str, tokenizer: Tokenizer) -> int:
    """Returns how many words a caption becomes, as nearly as Python's rules tell."""
    if isinstance(tokenizer, Whitespace):
        return len(caption.split())
    if isinstance(tokenizer, Characters):
        return len(_CHARACTER.findall(caption))
    runs = _RUN.findall(caption)
    if isinstance(tokenizer, UnicodeWords):
        runs = _RUN.findall(_JOINED.sub("x", caption))
    return sum(_words_of_a_run(run) for run in runs)


def losses(captions: Sequence[str], tokenizer: Tokenizer) -> Losses:
    """Finds words that are split, and emoji that are dropped."""
    if not isinstance(tokenizer, Words | Characters):
        return Losses()
    split = [found[0] for text in captions if (found := _JOINED.search(text))]
    pictures = []
    if isinstance(tokenizer, Words):
        pictures = [sign for text in captions if (sign := _picture(text))]
    return Losses(len(split), (split or [""])[0], len(pictures), (pictures or [""])[0])


def _words_of_a_run(run: str) -> int:
    signs = sum(map(_is_spaceless, run)) if not run.isascii() else 0
    return signs + (signs < len(run))


def _picture(text: str) -> str:
    if text.isascii():
        return ""
    return next((sign for sign in text if unicodedata.category(sign) == "So"), "")


def _is_spaceless(letter: str) -> bool:
    return not letter.isascii() and unicodedata.name(letter, "").startswith(_SPACELESS)
