"""The optimizers that a stage's configuration can name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field

Rate = Callable[[], tf.Tensor]  # the training loop's current learning rate, ()


class Sgd(Config):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, ge=0, lt=1)  # share of the former update

    def build(self, rate: Rate) -> tf.keras.optimizers.legacy.Optimizer:
        """Returns the optimizer, which calls `rate` at every step."""
        return tf.keras.optimizers.legacy.SGD(rate, momentum=self.momentum)


class Adam(Config):
    """Adam with adaptive moments (Kingma & Ba, 2015)."""

    kind: Literal["adam"] = "adam"
    beta_1: float = Field(0.9, ge=0, lt=1)  # decay of the gradients' mean
    beta_2: float = Field(0.999, ge=0, lt=1)  # decay of the gradients' squares
    epsilon: float = Field(1e-8, gt=0)  # added to the denominator

    def build(self, rate: Rate) -> tf.keras.optimizers.legacy.Optimizer:
        """Returns the optimizer, which calls `rate` at every step."""
        return tf.keras.optimizers.legacy.Adam(
            rate, self.beta_1, self.beta_2, self.epsilon
        )


class RmsProp(Config):
    """RMSprop of Hinton's lecture 6e, as PyTorch has it; STaTS trains with it.

        v ← ρ · v + (1 − ρ) · g²,  w ← w − rate · g / (√v + ε)

    The defaults are PyTorch's, where ρ is called alpha and ε stands outside the root.
    """

    kind: Literal["rmsprop"] = "rmsprop"
    rho: float = Field(0.99, ge=0, lt=1)  # decay of the gradients' squares
    epsilon: float = Field(1e-8, gt=0)  # added to the denominator

    def build(self, rate: Rate) -> tf.keras.optimizers.legacy.Optimizer:
        """Returns the optimizer, which calls `rate` at every step."""
        # With a momentum Keras would put ε under the root.
        return tf.keras.optimizers.legacy.RMSprop(rate, self.rho, epsilon=self.epsilon)


class AdamW(Config):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019), Alg. 2.

    A step first shrinks a weight by `weight_decay` times the learning rate.
    """

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = Field(1e-2, ge=0)  # share of a weight that a step takes away
    beta_1: float = Field(0.9, ge=0, lt=1)  # decay of the gradients' mean
    beta_2: float = Field(0.999, ge=0, lt=1)  # decay of the gradients' squares
    epsilon: float = Field(1e-8, gt=0)  # added to the denominator

    def build(self, rate: Rate) -> tf.keras.optimizers.legacy.Optimizer:
        """Returns the optimizer, which calls `rate` at every step."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensorflow-addons' end-of-life notice
            from tensorflow_addons.optimizers import AdamW as DecoupledAdam

        return DecoupledAdam(
            lambda: self.weight_decay * rate(),
            learning_rate=rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )


OptimizerConfig = Annotated[Union[Sgd, Adam, RmsProp, AdamW], BY_KIND]
