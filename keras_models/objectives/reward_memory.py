"""The reward that every sentence had when it was last seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from transform.records.vocabulary import PAD


class RewardMemory(tf.Module):
    """One reward for each sentence of each clip; part of a checkpoint.

    Args:
        captions: The ids of every clip's captions, all of one length, by video id. What
            one clip has twice is one sentence.
    """

    def __init__(self, captions: Mapping[str, Sequence[Sequence[int]]]):
        super().__init__(name="reward_memory")
        video_ids = [video_id for video_id, some in captions.items() for _ in some]
        tokens = [sentence for some in captions.values() for sentence in some]
        sentences, _ = tf.unique(_keys(tf.constant(video_ids), tf.constant(tokens)))
        count = len(sentences)
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                sentences, tf.range(count, dtype=tf.int64)
            ),
            default_value=-1,
        )
        self.rewards = tf.Variable(  # (sentences,), nan for one that was not seen yet
            tf.fill([count], math.nan),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def replace(
        self, video_ids: tf.Tensor, tokens: tf.Tensor, rewards: tf.Tensor
    ) -> tf.Tensor:
        """Remembers rewards of sentences in place of the former ones.

        To be called on every replica. A sentence that comes twice in a batch keeps the
        mean of its rewards.

        Args:
            video_ids: (B,) string.
            tokens: (B, K, L) ids of K captions of each clip.
            rewards: (B, K).

        Returns:
            (B, K) the former rewards, nan where there was none, as for padding.
        """
        clips, captions, length = tf.unstack(tf.shape(tokens))
        keys = _keys(tf.repeat(video_ids, captions), tf.reshape(tokens, [-1, length]))
        present = tf.reshape(tokens[..., 0] != PAD, [-1])  # (B · K,)
        rows = tf.where(present, self._rows.lookup(keys), 0)  # (B · K,)
        check = tf.debugging.assert_non_negative(
            rows, "a caption is none of those whose rewards are remembered"
        )
        with tf.control_dependencies([check]):
            rows = tf.identity(rows)[:, tf.newaxis]  # (B · K, 1)
        before = self.rewards.read_value()
        size = tf.shape(before, tf.int64)
        new = tf.where(present, tf.reshape(rewards, [-1]), 0)
        replica = tf.distribute.get_replica_context()
        total, count = replica.all_reduce(
            tf.distribute.ReduceOp.SUM,
            [
                tf.scatter_nd(rows, new, size),
                tf.scatter_nd(rows, tf.cast(present, new.dtype), size),
            ],
        )
        self.rewards.assign(tf.where(count > 0, total / count, before))
        former = tf.where(present, tf.gather(before, rows[:, 0]), math.nan)
        return tf.reshape(former, [clips, captions])

    def reset_state(self) -> None:
        """Forgets all rewards, as before any sentence was seen."""
        self.rewards.assign(tf.fill(self.rewards.shape, math.nan))


def _keys(video_ids: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns (N,) strings that tell (N,) clips' sentences (N, L) apart."""
    words = tf.strings.reduce_join(tf.strings.as_string(tokens), -1, separator=" ")
    return tf.strings.join([words, video_ids], separator=" ")
