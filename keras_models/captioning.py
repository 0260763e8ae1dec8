"""A captioner's sentences for a data set of clips."""

from __future__ import annotations

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.late_fusion import LateFusion
from keras_models.search import SearchConfig
from keras_models.structs import VideoBatch
from transform.vocabulary import Vocabulary


class CaptionWriter:
    """Writes the best caption that a search finds.

    Args:
        captioner: A model, or several in a late fusion; its current weights count.
        vocabulary: Its words.
        config: The search.
    """

    def __init__(
        self,
        captioner: Captioner | LateFusion,
        vocabulary: Vocabulary,
        config: SearchConfig,
    ):
        def write(video: VideoBatch) -> tf.Tensor:
            found = captioner.caption(video, config).captions
            return vocabulary.decode(found.tokens[:, 0])  # (B,)

        self._write = tf.function(write, autograph=False, reduce_retracing=True)

    def __call__(self, videos: tf.data.Dataset) -> dict[str, str]:
        """`VideoBatch`es → captions by video id, in the clips' order."""
        captions: dict[str, str] = {}
        for video in videos:
            texts = self._write(video).numpy()
            for video_id, text in zip(video.video_id.numpy(), texts, strict=True):
                captions[video_id.decode()] = text.decode()
        return captions
