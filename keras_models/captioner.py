"""`Captioner`: the Keras model of an encoder, attentions and a decoder."""

from __future__ import annotations

import random
from typing import Any, NoReturn

import tensorflow as tf

from keras_models.captioner_config import CaptionerConfig
from keras_models.data import feature_casting
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.inference.projected_values import project_values
from keras_models.layers.functional import draws
from keras_models.structs import (
    EncodedVideo,
    GenerationOutput,
    State,
    StepOutput,
    TeacherForced,
    TrainingBatch,
    VideoBatch,
    repeat_batch,
)
from transform.common.errors import KinescribeError
from transform.common.precision import dtype_policy
from transform.records.vocabulary import BOS
from transform.schema import FeatureSpec


class Captioner(tf.keras.Model):
    """A model that generates captions of videos, as ids of words.

    It is trained by `kinescribe.train`, not by `fit`, and saved by
    `CaptioningModel.save`, which keeps its vocabulary with it. Calling it on a
    `TrainingBatch` is `teacher_force`. A search uses only `start` and `step`, an
    objective only the public methods.

    Args:
        config: The parts of the model, for example those of a preset.
        spec: The specification of the records that the model reads.
        vocabulary_size: V, the number of ids, with the special ones.
        max_words: The most words of a caption, without <eos>.

    Raises:
        KinescribeError: `spec` lacks a feature that the model reads.
    """

    def __init__(
        self,
        config: CaptionerConfig,
        spec: FeatureSpec,
        vocabulary_size: int,
        max_words: int,
    ):
        super().__init__(name="captioner")
        feature_casting.check_features(config.features(), spec)
        self.config = config
        self.spec = spec
        self.vocabulary_size = vocabulary_size
        self.max_words = max_words
        self.encoder = config.encoder.build(spec)
        self.decoder = config.decoder.build(
            vocabulary_size,
            [
                attention.build(name=f"attention_{index + 1}")
                for index, attention in enumerate(config.attentions)
            ],
            max_words,
        )
        self._generator = tf.random.Generator.from_seed(random.getrandbits(31))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` builds an equal captioner of, as plain JSON."""
        return {
            "config": self.config.to_dict(),
            "spec": self.spec.to_dict(),
            "vocabulary_size": self.vocabulary_size,
            "max_words": self.max_words,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Captioner:
        """Builds a captioner from `get_config`'s result, with new weights.

        Args:
            config: The result of `get_config`.
            custom_objects: Unused: a configuration names no classes.

        Raises:
            ConfigError: The configuration is not a captioner's.
        """
        del custom_objects
        return cls(
            CaptionerConfig.from_dict(config["config"]),
            FeatureSpec.from_dict(config["spec"]),
            config["vocabulary_size"],
            config["max_words"],
        )

    def fit(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuses: a captioner is trained by `kinescribe.train`."""
        raise KinescribeError(
            "a Captioner is trained by kinescribe.train, whose plan has the stages and "
            "objectives that fit() knows nothing of."
        )

    def encode(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        """Encodes a batch of clips; casts their stored features (B, T, …) first."""
        video = feature_casting.cast_features(
            video, self.config.features(), self.compute_dtype
        )
        return self.encoder(video, training=training)

    def start(self, encoded: EncodedVideo, training: bool = False) -> tuple[State, Any]:
        """Returns the decoder's state before the first word, and its memory."""
        with tf.name_scope(self.decoder.name):
            state, memory = self.decoder.start(encoded, training=training)
            if not training:
                memory = project_values(self.decoder, memory)
        return state, memory

    def step(self, tokens: tf.Tensor, state: State, memory: Any) -> StepOutput:
        """Reads (B,) ids; returns the distribution of the next word."""
        with tf.name_scope(self.decoder.name):
            return self.decoder.step(tokens, state, memory)

    def caption(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> GenerationOutput:
        """Encodes a batch of clips, then searches for their captions.

        Args:
            video: A batch of B clips.
            search: How captions are searched for.
            seed: (2,) integers, which `Sampling` needs.
        """
        return self._search(self.encode(video), search, seed)

    def caption_first_pass(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> GenerationOutput:
        """Captions clips as `caption` does, but after the first of VRE's passes alone.

        Beside the captions of both passes, these tell what the key frame changed.

        Raises:
            KinescribeError: The encoder reads clips once.
        """
        encoded = self.encode(video)
        if "step1_summary" not in encoded.aux:
            raise KinescribeError(
                "the captions of a first pass are those of a model that reads clips "
                f"twice, as vre does; {type(self.encoder).__name__} reads them once."
            )
        first = encoded._replace(summary=encoded.aux["step1_summary"])
        return self._search(first, search, seed)

    def _search(
        self, encoded: EncodedVideo, search: SearchConfig, seed: tf.Tensor | None
    ) -> GenerationOutput:
        """Searches for the captions of encoded clips."""
        state, memory = self.start(encoded)
        captions = search.search(self.step, state, memory, self.max_words, seed)
        return GenerationOutput(captions, encoded.weights, {})

    def teacher_force(
        self,
        batch: TrainingBatch,
        training: bool = False,
        sampling_probability: tf.Tensor | float = 0.0,
    ) -> TeacherForced:
        """Returns the distribution of each word of given captions, given the former.

        Args:
            batch: Clips with K captions each; a clip is encoded once.
            training: Whether dropout is applied.
            sampling_probability: The probability that a word which the decoder itself
                sampled replaces the caption's (scheduled sampling). () tensor, or 0.0.

        Returns:
            `TeacherForced`: row r = b · K + k is caption k of clip b.
        """
        encoded = self.encode(batch.video, training=training)
        return self.teacher_force_encoded(
            encoded, batch.tokens, training, sampling_probability
        )

    def teacher_force_encoded(
        self,
        encoded: EncodedVideo,
        tokens: tf.Tensor,
        training: bool = False,
        sampling_probability: tf.Tensor | float = 0.0,
        captions: tf.Tensor | None = None,
    ) -> TeacherForced:
        """Does what `teacher_force` does, with (B, K, L) captions of encoded clips.

        Args:
            encoded: The B clips.
            tokens: (B, K, L) ids.
            training: Whether dropout is applied.
            sampling_probability: As for `teacher_force`.
            captions: (B, K) integers, where a caption is read several times: the number
                of each one, below B · K. Readings of the same caption share dropout's
                masks and what scheduled sampling draws by.
        """
        count = tf.shape(tokens)[1]  # K
        length = tokens.shape[2] or tf.shape(tokens)[2]
        tokens = tf.reshape(tokens, [-1, length])  # (R, L)
        first = tf.fill([tf.shape(tokens)[0], 1], BOS)
        inputs = tf.concat([first, tokens[:, :-1]], axis=1)
        state, memory = repeat_batch(self.start(encoded, training), count)
        sources = None if captions is None else tf.reshape(captions, [-1])  # (R,)
        with tf.name_scope(self.decoder.name), draws.shared(sources):
            if isinstance(sampling_probability, float) and sampling_probability == 0:
                outputs, contexts = self.decoder.decode_teacher_forced(
                    inputs, state, memory, training=training
                )
            else:
                # TensorFlow Addons is for training only: never loaded while serving.
                from keras_models.decoders import scheduled_sampling

                outputs, contexts = scheduled_sampling.decode_with_sampling(
                    self.decoder,
                    inputs,
                    state,
                    memory,
                    sampling_probability,
                    self._generator,
                )
            outputs = self.decoder.output_dropout(outputs, training=training)
            return TeacherForced(
                self.decoder.score_words(outputs, tokens),
                self.decoder.project(outputs),
                contexts,
                encoded,
            )

    def call(self, batch: TrainingBatch, training: bool = False) -> TeacherForced:
        return self.teacher_force(batch, training=training)

    def with_precision(self, precision: Precision) -> Captioner:
        """Returns a copy with the same weights that computes in another precision."""
        with dtype_policy(precision):
            copy = Captioner(
                self.config, self.spec, self.vocabulary_size, self.max_words
            ).build_from_spec()
        copy.set_weights(self.get_weights())
        return copy

    def build_from_spec(self) -> Captioner:
        """Creates every variable, so that weights can be counted and loaded."""
        if not self.built:
            self(feature_casting.smallest_batch(self.spec))
        return self
