"""What a sampled caption is worth: caption metrics over token ids, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from keras_models.metrics import bleu, meteor, rouge_l
from keras_models.metrics.cider_d import CiderD
from keras_models.metrics.ngrams import ReferenceNgrams, Sentences
from transform.common.config import Config, Field, root_validator

PAD, EOS = 0, 2  # as in transform.records.vocabulary

VideoIds = Union[Sequence[str], Sequence[bytes], np.ndarray]


class RewardConfig(Config):
    """The weights of the metrics that a reward is the sum of.

    CIDEr-D ranges from 0 to 10, the others from 0 to 1. METEOR asks a Java process and
    takes a hundred times as long as the others together.
    """

    cider_d: float = Field(1.0, ge=0)
    bleu_4: float = Field(0.0, ge=0)
    meteor: float = Field(0.0, ge=0)
    rouge_l: float = Field(0.0, ge=0)

    @root_validator(skip_on_failure=True)
    def _some_weight(cls, values: dict) -> dict:
        if not any(values.values()):
            raise ValueError("one of the reward's weights must be above 0")
        return values


class RewardEngine:
    """Rewards of sampled captions against the references of a training set.

    The references' n-grams are counted once, here; document frequencies are those of
    all clips given. The end of the sentence is a word like any other: <eos> is part of
    the scored n-grams of references and of candidates, so that leaving a sentence
    unfinished loses its last n-grams. METEOR alone reads the words before it.

    Args:
        references: Each clip's captions as token ids, with or without <eos> and padding
            behind it.
        config: The weights.
        words: Every id's word, as `Vocabulary.words`; needed for METEOR only.
    """

    def __init__(
        self,
        references: Mapping[str, Sequence[Sequence[int]]],
        config: RewardConfig,
        words: Sequence[str] = (),
    ):
        if config.meteor and not words:
            raise ValueError("METEOR reads words; pass the vocabulary's words")
        self._config = config
        self._words = words
        self._rows = {clip: row for row, clip in enumerate(references)}
        captions = [
            [[*_before_end(ids), EOS] for ids in captions]
            for captions in references.values()
        ]
        self.references = ReferenceNgrams(captions)
        self.cider_d = CiderD(self.references)
        self._texts = (
            [[self._text(ids) for ids in of_clip] for of_clip in captions]
            if config.meteor
            else []
        )

    def score(self, video_ids: VideoIds, tokens: np.ndarray) -> np.ndarray:
        """Rewards of N captions: (N,) float32.

        Args:
            video_ids: (N,) the clip that each caption describes, str or UTF-8 bytes.
            tokens: (N, L) int32 ids; what follows <eos> or <pad> is not read.
        """
        clips, candidates = self.prepare(video_ids, tokens)
        config, lengths = self._config, candidates.lengths
        reward = np.zeros(len(clips))
        if config.cider_d or config.bleu_4:
            counts = self.references.count(candidates)
            if config.cider_d:
                values = self.cider_d.score(clips, lengths, counts)
                reward += config.cider_d * values
            if config.bleu_4:
                counted = bleu.statistics(self.references, clips, lengths, counts)
                reward += config.bleu_4 * bleu.smoothed(counted)
        if config.rouge_l:
            values = rouge_l.score(
                candidates, self.references.sentences, *self.references.pairs(clips)
            )
            reward += config.rouge_l * values
        if config.meteor:
            values = meteor.shared().score(
                [self._text(row) for row in tokens],
                [self._texts[clip] for clip in clips],
            )
            reward += config.meteor * values
        return reward.astype(np.float32)

    def prepare(
        self, video_ids: VideoIds, tokens: np.ndarray
    ) -> tuple[np.ndarray, Sentences]:
        """Each caption's row of `references`, (N,), and the words that are scored."""
        clips = self._clips(video_ids)
        candidates = _candidates(np.asarray(tokens))
        if len(candidates.lengths) != len(clips):
            raise ValueError(
                "each caption needs its clip's id; received "
                f"{len(candidates.lengths)} captions and {len(clips)} ids"
            )
        return clips, candidates

    def _clips(self, video_ids: VideoIds) -> np.ndarray:
        rows = np.empty(len(video_ids), np.int64)
        for at, clip in enumerate(video_ids):
            name = clip.decode() if isinstance(clip, bytes) else str(clip)
            if name not in self._rows:
                raise ValueError(
                    f"there are no references for clip {name!r} among the "
                    f"{len(self._rows)} that the rewards were built from"
                )
            rows[at] = self._rows[name]
        return rows

    def _text(self, ids: Sequence[int]) -> str:
        return " ".join(self._words[token] for token in _before_end(ids))


def _before_end(ids: Sequence[int]) -> list[int]:
    """The ids before the first <eos> or <pad>."""
    words = []
    for token in ids:
        if token in (EOS, PAD):
            break
        words.append(int(token))
    return words


def _candidates(tokens: np.ndarray) -> Sentences:
    """(N, L) ids, up to and with the first <eos>, or up to the first <pad>."""
    if tokens.ndim != 2:
        raise ValueError(f"tokens must be (N, L); received shape {tokens.shape}")
    ends = np.pad(
        (tokens == EOS) | (tokens == PAD), ((0, 0), (0, 1)), constant_values=1
    )
    lengths = ends.argmax(axis=1)  # (N,) words before the end
    padded = np.pad(tokens, ((0, 0), (0, 1)))
    lengths += padded[np.arange(len(tokens)), lengths] == EOS
    inside = np.arange(tokens.shape[1]) < lengths[:, np.newaxis]
    return Sentences.flat(tokens[inside], lengths)
