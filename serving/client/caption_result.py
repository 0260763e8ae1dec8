"""What a local or a served model answers: `CaptionResult`s, and its specification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from serving.common import signature_names
from transform.schema import FeatureSpec


class CaptionResult(NamedTuple):
    """The captions of one clip, best first.

    K captions of at most L words; T time steps and S cells of the clip.
    """

    captions: tuple[str, ...]  # K
    log_probs: tuple[float, ...]  # K, of the whole caption
    words: tuple[tuple[str, ...], ...]  # K captions, word by word
    attention: dict[
        str, np.ndarray
    ]  # decoder's (K, L, …) and encoder's (T, S), by name
    spec_hash: str  # of the specification that the clip's features were made by
    word_log_probs: tuple[tuple[float, ...], ...] = ()  # as `words`; () of old models

    @property
    def caption(self) -> str:
        """The caption with the best score."""
        return self.captions[0]

    @property
    def spaced(self) -> str:
        """The words of the best caption with spaces between, as metrics count them."""
        return " ".join(self.words[0])

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The probability of each caption, according to the model."""
        return tuple(math.exp(log_prob) for log_prob in self.log_probs)

    @property
    def confidences(self) -> tuple[float, ...]:
        """The geometric mean of the probabilities of each caption's words and its end.

        Unlike `probabilities`, that does not fall with every further word.
        """
        return tuple(
            math.exp(log_prob / (len(words) + 1))
            for log_prob, words in zip(self.log_probs, self.words, strict=True)
        )

    @property
    def word_probabilities(self) -> tuple[tuple[float, ...], ...]:
        """The probability of each word after those before it, caption by caption.

        Models that were exported before there were any give none.
        """
        return tuple(
            tuple(math.exp(log_prob) for log_prob in log_probs)
            for log_probs in self.word_log_probs
        )


def spec_from_outputs(outputs: Mapping[str, np.ndarray]) -> FeatureSpec:
    """Returns the specification that a model's own signature tells.

    Args:
        outputs: Of that signature; strings as bytes objects.
    """
    return FeatureSpec.from_json(outputs[signature_names.SPEC_JSON][0].decode())


def check_same_model(now: FeatureSpec, before: FeatureSpec) -> None:
    """Raises `SpecMismatchError` if a model of another specification came in."""
    now.check_same(before, ours="the model that came in", theirs="the one before")


def from_outputs(
    outputs: Mapping[str, np.ndarray], spec_hash: str
) -> list[CaptionResult]:
    """Splits the outputs of a caption signature into one result for each clip.

    Args:
        outputs: Arrays with the batch in front; strings as bytes objects.
        spec_hash: Hash of the specification of the features.
    """
    attention = {
        name.removeprefix(signature_names.ATTENTION): values
        for name, values in outputs.items()
        if name.startswith(signature_names.ATTENTION)
    }
    return [
        CaptionResult(
            captions=tuple(text.decode() for text in captions),
            log_probs=tuple(float(log_prob) for log_prob in log_probs),
            words=tuple(
                tuple(word.decode() for word in caption if word) for caption in words
            ),
            attention={name: values[row] for name, values in attention.items()},
            spec_hash=spec_hash,
            word_log_probs=_by_word(outputs, row),
        )
        for row, (captions, log_probs, words) in enumerate(
            zip(
                outputs[signature_names.CAPTIONS],
                outputs[signature_names.LOG_PROBS],
                outputs[signature_names.WORDS],
                strict=True,
            )
        )
    ]


def _by_word(
    outputs: Mapping[str, np.ndarray], row: int
) -> tuple[tuple[float, ...], ...]:
    """Returns each caption's words' log-probabilities; () of models without them."""
    if signature_names.WORD_LOG_PROBS not in outputs:
        return ()
    return tuple(
        tuple(
            float(log_prob)
            for word, log_prob in zip(words, log_probs, strict=True)
            if word
        )
        for words, log_probs in zip(
            outputs[signature_names.WORDS][row],
            outputs[signature_names.WORD_LOG_PROBS][row],
            strict=True,
        )
    )
