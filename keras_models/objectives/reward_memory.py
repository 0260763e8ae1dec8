"""The reward that every clip had when it was last seen."""

from __future__ import annotations

import math
from collections.abc import Iterable

import tensorflow as tf


class RewardMemory(tf.Module):
    """One reward for each clip, by video id; part of a checkpoint.

    Args:
        video_ids: Ids of all clips.
    """

    def __init__(self, video_ids: Iterable[str]):
        super().__init__(name="reward_memory")
        ids = list(video_ids)
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ids, tf.string), tf.range(len(ids), dtype=tf.int64)
            ),
            default_value=-1,
        )
        self.rewards = tf.Variable(  # (clips,), nan for one that was not seen yet
            tf.fill([len(ids)], math.nan),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def replace(self, video_ids: tf.Tensor, rewards: tf.Tensor) -> tf.Tensor:
        """Remembers (B,) rewards of different clips in place of the former ones.

        To be called on every replica. A clip that comes twice in a batch keeps the mean
        of its rewards.

        Returns:
            (B,) the former rewards, nan where there was none.
        """
        rows = self._rows.lookup(video_ids)  # (B,)
        check = tf.debugging.assert_non_negative(
            rows, "a clip is none of those whose rewards are remembered"
        )
        with tf.control_dependencies([check]):
            rows = tf.identity(rows)[:, tf.newaxis]  # (B, 1)
        before = self.rewards.read_value()
        size = tf.shape(before, tf.int64)
        replica = tf.distribute.get_replica_context()
        total, count = replica.all_reduce(
            tf.distribute.ReduceOp.SUM,
            [
                tf.scatter_nd(rows, rewards, size),
                tf.scatter_nd(rows, tf.ones_like(rewards), size),
            ],
        )
        self.rewards.assign(tf.where(count > 0, total / count, before))
        return tf.gather(before, rows[:, 0])

    def reset_state(self) -> None:
        """Forgets all rewards, as before any clip was seen."""
        self.rewards.assign(tf.fill(self.rewards.shape, math.nan))
