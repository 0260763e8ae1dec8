"""The cross-entropy of the validation captions, which a run may be monitored by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.structs import EncodedVideo
from transform.records.vocabulary import PAD

CAPTIONS_AT_ONCE = 5  # of each clip of a batch


class ValidationLoss:
    """The mean negative log-likelihood of the words of all validation captions.

    Captions are teacher-forced without dropout; <eos> counts as a word. Every clip is
    encoded once.

    Args:
        model: The model whose current weights every call uses.
        references: Captions by video id.
    """

    def __init__(
        self,
        model: CaptioningModel[Captioner],
        references: Mapping[str, Sequence[str]],
    ):
        captioner = model.captioner
        self._length = captioner.max_words + 1
        self._ids = {
            video_id: model.vocabulary.encode(
                tf.constant(list(captions)), captioner.max_words
            ).numpy()
            for video_id, captions in references.items()
        }  # each (captions, L)

        def totals(encoded: EncodedVideo, tokens: tf.Tensor) -> tf.Tensor:
            words = captioner.teacher_force_encoded(encoded, tokens).words
            count = tf.reduce_sum(tf.cast(tokens != PAD, tf.float32))
            return tf.stack([tf.reduce_sum(words.given), count])

        self._encode, self._totals = (
            tf.function(function, autograph=False, reduce_retracing=True)
            for function in (captioner.encode, totals)
        )

    def __call__(self, videos: tf.data.Dataset) -> float:
        """Returns the loss on a data set of `VideoBatch`es."""
        totals = np.zeros(2)  # log-likelihood and words
        for video in videos:
            none = np.zeros((0, self._length), np.int32)
            captions = [
                self._ids.get(video_id.decode(), none)
                for video_id in video.video_id.numpy()
            ]
            encoded = self._encode(video)
            for first in range(0, max(map(len, captions)), CAPTIONS_AT_ONCE):
                shape = len(captions), CAPTIONS_AT_ONCE, self._length
                tokens = np.full(shape, PAD, np.int32)
                for row, ids in enumerate(captions):
                    some = ids[first : first + CAPTIONS_AT_ONCE]
                    tokens[row, : len(some)] = some
                totals += self._totals(encoded, tf.constant(tokens)).numpy()
        likelihood, words = totals
        return float(-likelihood / words)
