"""N-grams of token ids, counted once for references and looked up for candidates.

An n-gram is known by its rank in a sorted table, and the n-gram one token longer by the
pair (rank, next token). Nothing is hashed, so nothing collides, and any id below 2³¹ is
possible.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

ORDERS = 4  # BLEU-4 and CIDEr-D both end there


class TokenSequences(NamedTuple):
    """N sentences of token ids, one behind the other: W tokens in all."""

    tokens: np.ndarray  # (W,) int64
    rows: np.ndarray  # (W,) int64: the sentence that a token stands in
    remaining: np.ndarray  # (W,) int64: tokens to the sentence's end, this one too
    lengths: np.ndarray  # (N,) int64

    @classmethod
    def from_lists(cls, sentences: Iterable[Sequence[int]]) -> TokenSequences:
        """Joins sentences that are given as one sequence of ids each."""
        sentences = list(sentences)
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        tokens = np.fromiter(
            itertools.chain.from_iterable(sentences), np.int64, lengths.sum()
        )
        return cls.from_flat(tokens, lengths)

    @classmethod
    def from_flat(cls, tokens: np.ndarray, lengths: np.ndarray) -> TokenSequences:
        """Takes all tokens in one row, and how many of them each sentence has."""
        rows = np.repeat(np.arange(len(lengths)), lengths)
        remaining = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(tokens))
        return cls(tokens.astype(np.int64, copy=False), rows, remaining, lengths)

    def padded(self, rows: np.ndarray, padding: int) -> np.ndarray:
        """Pads the sentences at some rows: (len(rows), length of the longest)."""
        lengths = self.lengths[rows]
        firsts = np.cumsum(self.lengths) - self.lengths
        steps = np.arange(lengths.max(initial=0))
        inside = steps < lengths[:, np.newaxis]
        table = np.full(inside.shape, padding, np.int32)
        table[inside] = self.tokens[(firsts[rows, np.newaxis] + steps)[inside]]
        return table


class Counts(NamedTuple):
    """How often each n-gram of one order stands in each sentence: M pairs, sorted."""

    row: np.ndarray  # (M,)
    gram: np.ndarray  # (M,) rank; unknown n-grams have ranks beyond the table's
    times: np.ndarray  # (M,)


class Postings(NamedTuple):
    """The n-grams of one order in the references: G in all, P (clip, n-gram) pairs."""

    table: np.ndarray  # (G,) sorted (rank of all but the last token) << 32 | last token
    documents: np.ndarray  # (G,) number of clips in whose references it stands
    keys: np.ndarray  # (P,) sorted clip · G + rank
    most: np.ndarray  # (P,) its largest count in one reference of the clip
    starts: np.ndarray  # (P + 1,) the pair's first entry
    reference: np.ndarray  # (E,) entries: the reference that it stands in
    gram: np.ndarray  # (E,) its rank
    times: np.ndarray  # (E,) how often

    def find(self, clips: np.ndarray, grams: np.ndarray) -> tuple:
        """Looks (clip, n-gram) pairs up: (M,) bool mask, (M,) position in `keys`."""
        if not len(self.keys):
            return np.zeros(len(grams), bool), np.zeros(len(grams), np.int64)
        keys = clips * len(self.table) + grams
        position = np.searchsorted(self.keys, keys)
        position = np.minimum(position, len(self.keys) - 1)
        mask = (grams < len(self.table)) & (self.keys[position] == keys)
        return mask, position


class ReferenceNgrams:
    """The reference sentences of C clips, R in all, with their n-grams counted.

    Args:
        clips: For each clip its references, each a sequence of ids; a clip needs one
            reference at least.
    """

    def __init__(self, clips: Sequence[Sequence[Sequence[int]]]):
        sizes = np.fromiter(map(len, clips), np.int64, len(clips))
        if not len(sizes) or not sizes.all():
            raise ValueError(
                "every clip needs one reference at least; received "
                f"{len(sizes)} clips, {int((sizes == 0).sum())} of them without"
            )
        self.sizes = sizes  # (C,) references of a clip
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])  # (C + 1,)
        self.sentences = TokenSequences.from_lists(itertools.chain.from_iterable(clips))
        clip_of = np.repeat(np.arange(len(sizes)), sizes)  # (R,)
        self.orders = tuple(
            _postings(*grown, clip_of) for grown in _grow_tables(self.sentences)
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def count(self, candidates: TokenSequences) -> tuple[Counts, ...]:
        """Counts the candidates' n-grams, one `Counts` for each order from 1 to 4."""
        counted = []
        starts = np.arange(len(candidates.tokens))
        ranks = np.zeros(len(starts), np.int64)
        for order, postings in enumerate(self.orders, 1):
            starts, ranks, keys = _longer(candidates, order, starts, ranks)
            ranks = _ranks(postings.table, keys)
            counted.append(_count(candidates.rows[starts], ranks))
        return tuple(counted)

    def pairs(self, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs each candidate with every reference of its clip: two (Q,) row arrays.

        Args:
            clips: (N,) each candidate's clip.
        """
        sizes = self.sizes[clips]
        candidate = np.repeat(np.arange(len(clips)), sizes)
        within = np.arange(len(candidate)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return candidate, self.offsets[clips][candidate] + within


def _longer(
    sentences: TokenSequences, order: int, starts: np.ndarray, ranks: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Extends the (n − 1)-grams at `starts` by the next token, where there is one."""
    fits = sentences.remaining[starts] >= order
    starts, ranks = starts[fits], ranks[fits]
    return starts, ranks, ranks << 32 | sentences.tokens[starts + order - 1]


def _ranks(table: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Finds each key's rank in the table; unknown keys are numbered from its end on."""
    wanted, inverse = np.unique(keys, return_inverse=True)  # neighbours: warm caches
    ranks = np.asarray(np.searchsorted(table, wanted))
    known = np.zeros(len(wanted), bool)
    if len(table):
        known = table[np.minimum(ranks, len(table) - 1)] == wanted
    ranks[~known] = len(table) + np.arange((~known).sum())
    return ranks[inverse]


def _count(rows: np.ndarray, grams: np.ndarray) -> Counts:
    width = int(grams.max(initial=0)) + 1
    pairs, count = np.unique(rows * width + grams, return_counts=True)
    return Counts(pairs // width, pairs % width, count)


def _grow_tables(sentences: TokenSequences) -> Iterable[tuple[np.ndarray, Counts]]:
    starts = np.arange(len(sentences.tokens))
    ranks = np.zeros(len(starts), np.int64)
    for order in range(1, ORDERS + 1):
        starts, ranks, keys = _longer(sentences, order, starts, ranks)
        table, ranks = np.unique(keys, return_inverse=True)
        yield table, _count(sentences.rows[starts], ranks)


def _postings(table: np.ndarray, counts: Counts, clip_of: np.ndarray) -> Postings:
    keys = clip_of[counts.row] * len(table) + counts.gram
    order = np.argsort(keys, kind="stable")
    keys, starts = np.unique(keys[order], return_index=True)
    count = counts.times[order]
    most = np.maximum.reduceat(count, starts) if len(starts) else count
    grams = keys % len(table) if len(table) else keys
    return Postings(
        table,
        np.bincount(grams, minlength=len(table)),
        keys,
        most,
        np.append(starts, len(count)),
        counts.row[order],
        counts.gram[order],
        count,
    )
