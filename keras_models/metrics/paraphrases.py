"""METEOR's paraphrase table, of which a corpus needs the lines of its own words.

METEOR reads 5 million paraphrases before its first score, whatever it then scores. A
line whose words do not all occur in a text can never match there; without those lines
it starts in half a second, and every count is the same.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import gzip
import itertools
import os
import pathlib
import re
import types
import zipfile
from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

import numpy as np

_WORD = re.compile("[a-z0-9]+")  # what METEOR's own normaliser never splits
_LINES = 3  # of an entry: a probability, which METEOR passes over, and two phrases
_FORMAT = 1
_BLOCK = 1 << 24  # bytes of the file that are split at a time


def words(texts: Iterable[str]) -> set[str]:
    """Returns the words of texts, in the smallest parts that METEOR may see."""
    found: set[str] = set()
    for text in texts:
        found.update(_WORD.findall(text.lower()))
    return found


class ParaphraseTable(NamedTuple):
    """A paraphrase table by numbers, so that some words' lines are found quickly.

    `load` reads METEOR's own once a machine, for ten seconds, and keeps what it read
    among the user's caches.
    """

    words: np.ndarray  # (W,) str, the distinct words, as spaces part them
    phrase_words: np.ndarray  # int32, the words of all phrases, one after another
    phrase_ends: np.ndarray  # (P,) int32, where each phrase's words end
    pairs: np.ndarray  # (N, 2) int32, phrases that say the same, in the file's order

    @classmethod
    def load(cls, path: pathlib.Path) -> ParaphraseTable:
        """Returns the table of a file, read from the user's cache if it is there."""
        kept = _cached_file(path)
        table = kept and _read(kept)
        if not table:
            table = cls.parse(path)
            if kept:
                _keep(table, kept)
        return table

    @classmethod
    def parse(cls, path: pathlib.Path) -> ParaphraseTable:
        """Reads a table as METEOR's authors distribute it, compressed by gzip."""
        phrases = _Numbers()
        pairs: list[np.ndarray] = []
        rest = b""
        with gzip.open(path) as file:
            while block := file.read(_BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                whole = len(lines) - len(lines) % _LINES
                rest = b"\n".join([*lines[whole:], rest])
                columns = [lines[column:whole:_LINES] for column in (1, 2)]
                numbers = [phrases.of(column) for column in columns]
                pairs.append(np.stack(numbers, axis=1))
        spaced = b"\n".join(phrases).replace(b"\n", b" \n ") + b" \n"
        vocabulary = _Numbers({b"\n": 0})
        tokens = vocabulary.of(spaced.split(b" "))
        breaks = np.flatnonzero(tokens == 0)
        return cls(
            words=np.array([word.decode() for word in vocabulary]),
            phrase_words=tokens[tokens > 0],
            phrase_ends=(breaks - np.arange(len(breaks))).astype(np.int32),
            pairs=np.concatenate(pairs),
        )

    def write(self, known: Set[str], path: str) -> None:
        """Writes the lines of known words alone, as a file that METEOR reads.

        Args:
            known: What `words` finds in everything that is to be scored.
            path: Of the file, which becomes a gzip file.
        """
        unknown = [not words([word]) <= known for word in self.words]
        passed = np.concatenate([[0], np.cumsum(np.array(unknown)[self.phrase_words])])
        ends = np.concatenate([[0], self.phrase_ends])
        written = passed[ends[1:]] == passed[ends[:-1]]  # no word is unknown
        pairs = self.pairs[written[self.pairs].all(axis=1)]
        distinct, places = np.unique(pairs, return_inverse=True)
        texts = self.words.astype(object)
        phrases = np.array(
            [
                " ".join(texts[self.phrase_words[start:end]])
                for start, end in zip(ends[distinct], ends[distinct + 1], strict=True)
            ],
            object,
        )
        lines = phrases[places.reshape(pairs.shape)].tolist()
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write("".join(f"1\n{a}\n{b}\n" for a, b in lines).encode())


class _Numbers(collections.defaultdict[Any, int]):
    """Numbers keys in the order in which they are first met."""

    def __init__(self, first: Mapping[Any, int] = types.MappingProxyType({})) -> None:
        super().__init__(itertools.count(len(first)).__next__, first)

    def of(self, keys: Iterable) -> np.ndarray:
        """Returns the numbers of keys: int32."""
        return np.fromiter(map(self.__getitem__, keys), np.int32)


@functools.cache
def shared(path: pathlib.Path) -> ParaphraseTable:
    """Returns the table of a file, which this process reads once."""
    return ParaphraseTable.load(path)


def _cached_file(path: pathlib.Path) -> pathlib.Path | None:
    """Returns where a table is kept, None where the user has no place for caches."""
    try:
        folder = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        with open(path, "rb") as file:
            file.seek(-8, os.SEEK_END)  # gzip's checksum and length
            identity = file.read().hex()
    except (OSError, RuntimeError):
        return None
    name = f"meteor-paraphrases-{identity}-{_FORMAT}.npz"
    return pathlib.Path(folder) / "kinescribe" / name


def _read(path: pathlib.Path) -> ParaphraseTable | None:
    try:
        with np.load(path) as arrays:
            fields = {name: arrays[name] for name in ParaphraseTable._fields}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # there is none, or it is not whole
    text = fields["words"].tobytes().decode()
    return ParaphraseTable(**fields | {"words": np.array(text.split(" "))})


def _keep(table: ParaphraseTable, path: pathlib.Path) -> None:
    """Writes a table whole, or not at all where that is not possible."""
    text = np.frombuffer(" ".join(table.words).encode(), np.uint8)
    part = path.with_name(f"{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, **table._asdict() | {"words": text})
        part.replace(path)
    except OSError:  # no right or no space: the next process reads it anew
        with contextlib.suppress(OSError):
            part.unlink()
