"""Distribution of the training over devices and machines."""

from __future__ import annotations

import functools
from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config


class OneDevice(Config):
    """Trains on the device that TensorFlow chooses: the first GPU, else the CPU."""

    kind: Literal["one_device"] = "one_device"

    def strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy to train under."""
        return tf.distribute.get_strategy()


class Mirrored(Config):
    """Trains on several devices of this machine; each takes its share of a batch."""

    kind: Literal["mirrored"] = "mirrored"
    devices: tuple[str, ...] = ()  # as in "GPU:0"; all GPUs when empty

    def strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy to train under."""
        return tf.distribute.MirroredStrategy(list(self.devices) or None)


class MultiWorker(Config):
    """Trains on several machines, whose places `TF_CONFIG` names.

    They share the folder of the run; the chief writes there.
    """

    kind: Literal["multi_worker"] = "multi_worker"

    def strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy to train under, the same one at every call.

        The first call must come before anything is computed: TensorFlow's workers have
        to find each other first.
        """
        return _multi_worker()


Distribution = Annotated[Union[OneDevice, Mirrored, MultiWorker], BY_KIND]


@functools.cache
def _multi_worker() -> tf.distribute.Strategy:
    return tf.distribute.MultiWorkerMirroredStrategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process is the one that writes the run's files."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    chiefs = resolver.cluster_spec().as_dict().get("chief")
    if chiefs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0
