"""A captioner's sentences for a data set of clips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.ensembling.composite import CompositeCaptioner
from keras_models.generation import SearchConfig
from keras_models.structs import VideoBatch
from transform.records.vocabulary import Vocabulary


class WrittenBatch(NamedTuple):
    """The best caption of each clip of a batch."""

    video_ids: list[str]  # B
    captions: list[str]  # B
    attention: dict[str, tf.Tensor]  # by name, each (B, L, …), per word and for <eos>


class CaptionWriter:
    """Writes the best caption that a search finds.

    Args:
        captioner: A model, or several as one; its current weights count.
        vocabulary: Its words.
        config: The search.
    """

    def __init__(
        self,
        captioner: Captioner | CompositeCaptioner,
        vocabulary: Vocabulary,
        config: SearchConfig,
    ):
        def write(video: VideoBatch) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            found = captioner.caption(video, config).captions
            weights = {name: of_all[:, 0] for name, of_all in found.weights.items()}
            return vocabulary.decode(found.tokens[:, 0]), weights  # (B,), (B, L, …)

        self._write = tf.function(write, autograph=False, reduce_retracing=True)

    def __call__(self, videos: tf.data.Dataset) -> dict[str, str]:
        """`VideoBatch`es → captions by video id, in the clips' order."""
        captions: dict[str, str] = {}
        for batch in self.batches(videos):
            captions.update(zip(batch.video_ids, batch.captions, strict=True))
        return captions

    def batches(self, videos: tf.data.Dataset) -> Iterator[WrittenBatch]:
        """The same batch by batch, with what was looked at for each word."""
        for video in videos:
            texts, weights = self._write(video)
            yield WrittenBatch(
                [video_id.decode() for video_id in video.video_id.numpy()],
                [text.decode() for text in texts.numpy()],
                weights,
            )
