"""`CaptioningModel`: a captioner with its vocabulary, which writes captions as text."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.saving import model_folder
from keras_models.structs import GenerationOutput, VideoBatch
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


class AnyConfig(Protocol):
    """The interface of `CaptionerConfig` and of what composite captioners have."""

    def features(self) -> tuple[str, ...]:
        """The names of the record features that the model reads."""

    def to_json(self) -> str:
        """Returns the configuration as canonical JSON."""


class AnyCaptioner(Protocol):
    """The interface of `Captioner` that composite captioners have, too."""

    @property
    def config(self) -> AnyConfig:
        """The parts that the captioner is built of."""

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the records that the captioner reads."""

    @property
    def vocabulary_size(self) -> int:
        """The number of words, with the special ones."""

    @property
    def max_words(self) -> int:
        """The most words of a caption, without <eos>."""

    def caption(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> GenerationOutput:
        """Generates captions, as ids of words, for a batch of clips."""

    def with_precision(self, precision: Precision) -> AnyCaptioner:
        """Returns a copy that computes in another precision."""


CaptionerT = TypeVar("CaptionerT", bound=AnyCaptioner)


@dataclasses.dataclass(frozen=True, eq=False)
class CaptioningModel(Generic[CaptionerT]):
    """A built captioner together with the vocabulary whose ids it predicts.

    The captioner is a `Captioner`, or several that act as one: an `Ensemble` or a
    `LateFusion`.

    Raises:
        ValueError: The captioner was built for another number of words.
    """

    captioner: CaptionerT
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if len(self.vocabulary) != self.captioner.vocabulary_size:
            raise ValueError(
                f"the model has {self.captioner.vocabulary_size} words; received a "
                f"vocabulary of {len(self.vocabulary)}"
            )

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the records that the model reads."""
        return self.captioner.spec

    @property
    def max_words(self) -> int:
        """The most words of a caption that the model writes."""
        return self.captioner.max_words

    def caption(self, videos: tf.data.Dataset, search: SearchConfig) -> dict[str, str]:
        """Writes the best caption of every clip of a data set.

        Args:
            videos: A data set of `VideoBatch`es.
            search: How captions are searched for.

        Returns:
            The captions by video id, in the order of the clips.
        """
        return CaptionGenerator(self, search)(videos)

    def with_precision(self, precision: Precision) -> CaptioningModel[AnyCaptioner]:
        """Returns a model with the same weights that computes in another precision."""
        return CaptioningModel(
            self.captioner.with_precision(precision), self.vocabulary
        )

    def save(self: CaptioningModel[Captioner], folder: str | pathlib.Path) -> None:
        """Writes a folder that `load` reads, in place of the model that it may hold.

        A reader, or a run that is killed, always finds the former model or the new one.
        Composite captioners are not saved: their members are.

        Args:
            folder: A local or remote folder, which is made if it does not exist.
        """
        model_folder.write(
            folder,
            _Description,
            self.captioner,
            self.vocabulary,
            config=self.captioner.config,
            spec=self.spec,
            max_words=self.max_words,
        )

    @staticmethod
    def load(folder: str | pathlib.Path) -> CaptioningModel[Captioner]:
        """Reads the model that `save` wrote to a folder.

        Raises:
            LoadError: There is no complete captioner in the folder.
        """
        description, vocabulary = model_folder.read(folder, _Description)
        captioner = Captioner(
            description.config,
            description.spec,
            len(vocabulary),
            description.max_words,
        ).build_from_spec()
        model_folder.read_weights(folder, description, captioner)
        return CaptioningModel(captioner, vocabulary)


class _Description(model_folder.Description):
    """The content of a captioner's `model.json`."""

    config: CaptionerConfig
    spec: FeatureSpec
    max_words: int


class BatchCaptions(NamedTuple):
    """The best caption of each clip of a batch."""

    video_ids: list[str]  # B
    captions: list[str]  # B
    attention: dict[str, tf.Tensor]  # by name, each (B, L, …), per word and for <eos>

    @property
    def by_clip(self) -> dict[str, str]:
        """The captions by video id."""
        return dict(zip(self.video_ids, self.captions, strict=True))


class CaptionGenerator:
    """Generates the best caption of each clip by a search that is compiled once.

    Args:
        model: The model, whose current weights are used at every call.
        search: How captions are searched for.
    """

    def __init__(self, model: CaptioningModel, search: SearchConfig):
        def generate(video: VideoBatch) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            captions = model.captioner.caption(video, search).captions
            weights = {name: leaf[:, 0] for name, leaf in captions.weights.items()}
            texts = model.vocabulary.decode(captions.tokens[:, 0])  # (B,)
            return texts, weights  # each (B, L, …)

        self._generate = tf.function(generate, autograph=False, reduce_retracing=True)

    def __call__(self, videos: tf.data.Dataset) -> dict[str, str]:
        """Returns the captions by video id, in the order of the clips."""
        captions: dict[str, str] = {}
        for batch in self.batches(videos):
            captions.update(batch.by_clip)
        return captions

    def batches(self, videos: tf.data.Dataset) -> Iterator[BatchCaptions]:
        """Yields the captions of one batch after another, with their attention."""
        for video in videos:
            texts, weights = self._generate(video)
            yield BatchCaptions(
                [video_id.decode() for video_id in video.video_id.numpy()],
                [text.decode() for text in texts.numpy()],
                weights,
            )
