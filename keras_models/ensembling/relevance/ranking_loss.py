"""The max-margin ranking loss of clips and sentences."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.ensembling.relevance.model import RelevanceModel
from keras_models.objectives.cross_entropy import flatten_captions
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config, Field
from transform.records.vocabulary import PAD


class Ranking(Config):
    """Configuration of a max-margin ranking loss.

    A clip shall be nearer to its own captions than to any other of the batch, and a
    caption nearer to its own clip than to any other. Only the hardest negative of each
    direction counts (Faghri et al., 2018, VSE++).
    """

    kind: Literal["ranking"] = "ranking"
    margin: float = Field(0.2, gt=0)  # of cosines; VSE++ Sec. 4.1

    def build(self, context: ObjectiveContext) -> RankingObjective:
        """Returns the objective that this configuration describes."""
        del context
        return RankingObjective(self)


class RankingObjective(Objective):
    """The max-margin ranking loss of a relevance model, as `Ranking` describes it."""

    def __init__(self, config: Ranking):
        super().__init__(name="ranking")
        self._margin = config.margin

    def __call__(self, model: RelevanceModel, batch: TrainingBatch) -> LossOutput:
        """Returns the loss over a batch's clips and all their captions."""
        embedded = model(batch, training=True)
        captions = batch.tokens.shape[1] or tf.shape(batch.tokens)[1]  # K
        tokens = flatten_captions(batch.tokens)  # (R, L)
        sentences = tf.reshape(
            embedded.sentences, [-1, embedded.sentences.shape[-1]]
        )  # (R, E)
        scores = tf.matmul(embedded.videos, sentences, transpose_b=True)  # (B, R)
        clip_of_caption = tf.range(tf.shape(tokens)[0]) // captions  # (R,)
        mask = tf.reduce_any(tokens != PAD, axis=-1)  # (R,)
        same = related(batch.video.video_id, clip_of_caption, tokens)
        loss = ranking_loss(scores, clip_of_caption, same, mask, self._margin)
        right = tf.gather(tf.transpose(scores), clip_of_caption, batch_dims=1)  # (R,)
        cosine = tf.reduce_mean(tf.boolean_mask(right, mask))
        return LossOutput(loss, {"own_cosine": cosine})


def related(
    video_ids: tf.Tensor, clip_of_caption: tf.Tensor, tokens: tf.Tensor
) -> tf.Tensor:
    """Returns which captions of a batch describe which of its clips.

    The captions of a clip with the same id do, and so do captions that are equal, word
    by word, to one of these: neither is a negative.

    Args:
        video_ids: (B,) ids of the clips.
        clip_of_caption: (R,) index of each caption's clip.
        tokens: (R, L) ids of the captions' words.

    Returns:
        (B, R) bool.
    """
    ids = tf.gather(video_ids, clip_of_caption)  # (R,)
    of_clip = video_ids[:, tf.newaxis] == ids  # (B, R)
    equal = tf.reduce_all(tokens[:, tf.newaxis] == tokens, axis=-1)  # (R, R)
    equal = tf.cast(equal, tf.float32)
    return tf.matmul(tf.cast(of_clip, tf.float32), equal) > 0


def ranking_loss(
    scores: tf.Tensor,
    clip_of_caption: tf.Tensor,
    related: tf.Tensor,
    mask: tf.Tensor,
    margin: float,
) -> tf.Tensor:
    """Mean over captions of [m + max s(v, c⁻) − s]₊ + [m + max s(v⁻, c) − s]₊.

    s is s(v, c) of a caption c and its clip v; the maxima are over the captions c⁻ that
    do not describe v, and over the clips v⁻ that c does not describe (Faghri et al.,
    2018, the max of hinges). A direction without negatives counts 0.

    Args:
        scores: (B, R), of clip b and caption r.
        clip_of_caption: (R,) int32 index of the clip that a caption was written for.
        related: (B, R) bool, captions that are no negatives of a clip.
        mask: (R,) bool, False for padding.
        margin: The margin m.

    Returns:
        () loss.
    """
    lowest = scores.dtype.min
    positive = tf.gather(tf.transpose(scores), clip_of_caption, batch_dims=1)  # (R,)
    captions = tf.where(related | ~mask, lowest, scores)  # (B, R)
    hardest_captions = tf.reduce_max(captions, axis=1)  # (B,)
    hardest_caption = tf.gather(hardest_captions, clip_of_caption)  # (R,)
    hardest_clip = tf.reduce_max(tf.where(related, lowest, scores), axis=0)  # (R,)
    loss = tf.nn.relu(margin + hardest_caption - positive)
    loss += tf.nn.relu(margin + hardest_clip - positive)
    total = tf.reduce_sum(tf.where(mask, loss, 0))
    return tf.math.divide_no_nan(total, tf.reduce_sum(tf.cast(mask, loss.dtype)))
