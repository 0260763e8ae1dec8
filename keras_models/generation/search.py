"""`Search`: the interface of the decoding strategies."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from keras_models.generation.step import StepFn
from keras_models.structs import Captions, State
from transform.common.config import Config


class Search(Config, abc.ABC):
    """A decoding strategy: its settings, and `search`, which writes captions.

    A search sees nothing of a model but its `StepFn`. All of it runs in the graph, with
    core ops only.
    """

    @abc.abstractmethod
    def search(
        self,
        step: StepFn,
        state: State,
        memory: Any,
        max_words: int,
        seed: tf.Tensor | None = None,
    ) -> Captions:
        """Writes captions for a batch of clips.

        Every caption ends in <eos>, at the latest after `max_words` words. <pad>, <bos>
        and <unk> are never written. Where a beam is wider than the space of captions,
        what is left over is empty with log-probability −∞.

        Args:
            step: The model's step: `Captioner.step`, or an `ensemble` of several.
            state: The decoder's state before the first word, B rows.
            memory: The decoder's memory, B rows.
            max_words: The most words of a caption, without <eos>.
            seed: (2,) integers, for `Sampling`; the others need none.

        Returns:
            `Captions` with L = max_words + 1; their `log_probs` are the model's own,
            which no setting of the search changes.
        """
