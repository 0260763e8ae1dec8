"""The interface of all video encoders: `EncoderConfig` and `Encoder`."""

from __future__ import annotations

import abc
from typing import ClassVar

import tensorflow as tf

from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources
from transform.common.config import Config, ConfigError
from transform.schema import FeatureSpec


class EncoderConfig(Config, abc.ABC):
    """The settings of an encoder, which say what it reads and build its layer.

    `CaptionerConfig.encoder` takes an instance of any subclass. One that YAML and saved
    models name by its `kind` must also be in the union of
    `keras_models.captioner_config`.
    """

    @abc.abstractmethod
    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""

    @abc.abstractmethod
    def build(self, spec: FeatureSpec) -> Encoder:
        """Returns the encoder of records with a specification."""

    def sources(self) -> EncodedSources:
        """Returns which features the steps and cells of `EncodedVideo` belong to.

        Attention to what has no source is computed all the same, but nobody can draw
        it.
        """
        return EncodedSources()


class Encoder(tf.keras.layers.Layer, abc.ABC):
    """Turns a video into vectors, once and before any word is known.

    Call arguments:
        video: `VideoBatch` as `cast_features` returns it: floats, 0 where masked.
        training: Whether dropout is on.

    Returns:
        `EncodedVideo`. Values at masked steps of the input change nothing.
    """

    # The names that `set_training_phase` accepts, in the order of training.
    training_phases: ClassVar[tuple[str, ...]] = ()

    @property
    def reads_twice(self) -> bool:
        """Whether clips are read twice, as the `summary` of the first pass tells."""
        return False

    @abc.abstractmethod
    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        raise NotImplementedError

    def set_training_phase(self, phase: str) -> bool:
        """Switches the encoder to what it computes in a phase of its training.

        Objectives that train an encoder in several phases call this when a stage
        begins. An encoder that has phases lists them in `training_phases`, extends this
        method and keeps the phase in a variable, so that it is saved with the weights.

        Args:
            phase: One of `training_phases`.

        Returns:
            Whether the encoder was in another phase before.

        Raises:
            ConfigError: The encoder has no such phase.
        """
        if phase not in self.training_phases:
            raise ConfigError(
                f"the stage's objective needs an encoder with the training phase "
                f"{phase!r}, such as that of kind vre; {type(self).__name__} has "
                f"{', '.join(self.training_phases) or 'no training phases'}."
            )
        return False
