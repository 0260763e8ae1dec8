"""`RelevanceModel`: an embedding of clips and sentences in one space."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from keras_models.data import feature_casting
from keras_models.ensembling.relevance.sentence_embedding import SentenceEmbedding
from keras_models.ensembling.relevance.video_embedding import VideoEmbedding
from keras_models.structs import TrainingBatch, VideoBatch
from transform.common.config import Config, Field, validator
from transform.schema import FeatureSpec


class RelevanceConfig(Config):
    """Configuration of a relevance model.

    Chen et al. (2019), Sec. 2.3, give no sizes.
    """

    # the record features that are embedded
    modalities: tuple[str, ...] = ("resnext101", "ir_csn", "vggish")
    units: int = Field(512, ge=1)  # E, of the common space
    embedding: int = Field(256, ge=1)  # of a word
    blocks: int = Field(2, ge=1)  # transformer encoders
    heads: int = Field(4, ge=1)  # of the sentence's self-attention
    feedforward: int = Field(1024, ge=1)  # units of its inner layer
    dropout: float = Field(0.1, ge=0, lt=1)  # share of values that are left out

    @validator("modalities")
    def _some(cls, modalities: tuple[str, ...]) -> tuple[str, ...]:
        if not modalities:
            raise ValueError("at least one modality is needed")
        return modalities

    @validator("heads")
    def _narrow(cls, heads: int, values: dict) -> int:
        if heads > values.get("embedding", heads):
            raise ValueError(f"a word has only {values['embedding']} features")
        return heads

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the model reads."""
        return tuple(dict.fromkeys(self.modalities))


class Embedded(NamedTuple):
    """Embeddings of length 1, so that their products are cosines."""

    videos: tf.Tensor  # (B, E)
    sentences: tf.Tensor  # (B, K, E)


class RelevanceModel(tf.keras.Model):
    """Scores how well sentences fit clips by the cosine of their embeddings.

    Called on a `TrainingBatch`, it embeds the clips and their captions.

    Args:
        config: Modalities and sizes of the model.
        spec: The feature specification of the records that the model reads.
        vocabulary_size: V, with the special ids.
        max_words: The most words of a sentence, without <eos>.

    Raises:
        KinescribeError: `spec` lacks a feature that the model reads.
    """

    def __init__(
        self,
        config: RelevanceConfig,
        spec: FeatureSpec,
        vocabulary_size: int,
        max_words: int,
    ):
        super().__init__(name="relevance")
        feature_casting.check_features(config.features(), spec)
        self.config = config
        self.spec = spec
        self.vocabulary_size = vocabulary_size
        self.max_words = max_words
        self.video_embedding = VideoEmbedding(
            config.features(), config.units, config.dropout, name="video"
        )
        self.sentence_embedding = SentenceEmbedding(
            vocabulary_size,
            max_words + 1,
            config.units,
            embedding=config.embedding,
            blocks=config.blocks,
            heads=config.heads,
            feedforward=config.feedforward,
            dropout=config.dropout,
            name="sentence",
        )

    def embed_videos(self, video: VideoBatch, training: bool = False) -> tf.Tensor:
        """Embeds B clips, with features as stored: (B, E)."""
        video = feature_casting.cast_features(
            video, self.config.features(), self.compute_dtype
        )
        return self.video_embedding(video, training=training)

    def embed_sentences(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds K sentences about each clip: (B, K, L) ids → (B, K, E)."""
        shape = tf.shape(tokens)
        length = tokens.shape[2] or shape[2]
        flat = self.sentence_embedding(
            tf.reshape(tokens, [-1, length]), training=training
        )
        return tf.reshape(flat, [shape[0], shape[1], self.config.units])

    def score(self, video: VideoBatch, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the (B, K) cosines of B clips and (B, K, L) sentences about them."""
        embedded = self(TrainingBatch(video, tokens))
        return tf.einsum("be,bke->bk", embedded.videos, embedded.sentences)

    def call(self, batch: TrainingBatch, training: bool = False) -> Embedded:
        return Embedded(
            self.embed_videos(batch.video, training),
            self.embed_sentences(batch.tokens, training),
        )

    def build_from_spec(self) -> RelevanceModel:
        """Creates every variable, so that weights can be counted and loaded."""
        if not self.built:
            self(feature_casting.smallest_batch(self.spec))
        return self
