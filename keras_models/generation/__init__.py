"""Decoding: sees only `step`."""

from __future__ import annotations

from typing import Annotated, Any, Union

import tensorflow as tf

from keras_models.generation.beam_search import BeamSearch
from keras_models.generation.ensemble_step import ensemble
from keras_models.generation.greedy import Greedy
from keras_models.generation.length_penalty import PowerPenalty, WuPenalty
from keras_models.generation.sampling import Sampling
from keras_models.generation.step import StepFn
from keras_models.structs import Captions, State
from transform.common.config import BY_KIND

__all__ = [
    "Beam",
    "Greedy",
    "PowerPenalty",
    "Sampling",
    "SearchConfig",
    "StepFn",
    "WuPenalty",
    "ensemble",
    "run",
]

SearchConfig = Annotated[Union[Greedy, Sampling, BeamSearch], BY_KIND]


def run(
    config: Greedy | Sampling | BeamSearch,
    step: StepFn,
    state: State,
    memory: Any,
    max_words: int,
    seed: tf.Tensor | None = None,
) -> Captions:
    """Writes captions, in graph and with core ops only.

    Every caption ends in <eos>, at the latest after `max_words` words. <pad>, <bos> and
    <unk> are never written. Where a beam is wider than the space of captions, what is
    left over is empty with log-probability −∞.

    Args:
        config: How to search.
        step: The model: `Captioner.step`, or an `ensemble`.
        state: Its state before the first word, B rows.
        memory: Its memory, B rows.
        max_words: The most words of a caption, without <eos>.
        seed: (2,) integers, for `Sampling`.

    Returns:
        `Captions` with L = max_words + 1.
    """
    return config.search(step, state, memory, max_words, seed)
