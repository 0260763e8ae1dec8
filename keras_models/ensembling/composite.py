"""`CompositeCaptioner`: several captioners that act as one."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Iterable, Mapping

import tensorflow as tf

from keras_models.attention.weight_names import Weights, unique_names
from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.relevance.model import RelevanceModel
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.structs import GenerationOutput, VideoBatch
from keras_models.weight_axes import NamedAxes
from transform.common.config import Config, validator
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec


class CompositeConfig(Config, abc.ABC):
    """Several captioners that are trained on their own, then act as one."""

    members: dict[str, CaptionerConfig]  # by the names that the user gives them

    @validator("members")
    def _at_least_two(
        cls, members: dict[str, CaptionerConfig]
    ) -> dict[str, CaptionerConfig]:
        if len(members) < 2:
            raise ValueError("at least two members are needed")
        return members

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the members read."""
        features = (member.features() for member in self.members.values())
        return tuple(dict.fromkeys(itertools.chain.from_iterable(features)))

    @abc.abstractmethod
    def weight_axes(self) -> NamedAxes:
        """Returns what the weights that are returned with captions are about."""
        raise NotImplementedError


class CompositeCaptioner(tf.Module):
    """Base class of captioners that are made of several, with `Captioner`'s interface.

    It has what evaluation and export need of a `Captioner`, but is not trained as a
    whole. All members have the same vocabulary.

    Args:
        config: The configurations of the members.
        members: The built captioners by the names that `config` gives them.

    Raises:
        KinescribeError: The members read different records, or differ in vocabulary
            or lengths.
    """

    config: CompositeConfig

    def __init__(self, config: CompositeConfig, members: Mapping[str, Captioner]):
        super().__init__()
        if members.keys() != config.members.keys():
            raise ValueError(
                f"the members must be {sorted(config.members)}; received "
                f"{sorted(members)}"
            )
        self.config = config
        self.members = {name: members[name] for name in config.members}
        first = next(iter(self.members.values()))
        self.spec = first.spec
        self.vocabulary_size = first.vocabulary_size
        self.max_words = first.max_words
        check_compatible(self.members, self.spec, self.vocabulary_size, self.max_words)

    @abc.abstractmethod
    def caption(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> GenerationOutput:
        """Generates the captions that the members agree on.

        Args:
            video: A batch of B clips.
            search: How captions are searched for.
            seed: (2,) integers, which `Sampling` needs.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def with_precision(self, precision: Precision) -> CompositeCaptioner:
        """Returns a copy whose members compute in another precision."""
        raise NotImplementedError

    def _members_with_precision(self, precision: Precision) -> dict[str, Captioner]:
        return {
            name: each.with_precision(precision) for name, each in self.members.items()
        }


def check_compatible(
    models: Mapping[str, Captioner | RelevanceModel],
    spec: FeatureSpec,
    vocabulary_size: int,
    max_words: int,
) -> None:
    """Checks that models have the given specification, vocabulary size and lengths.

    Raises:
        KinescribeError: A model differs; the message names it.
    """
    expected = {"vocabulary_size": vocabulary_size, "max_words": max_words}
    for name, model in models.items():
        if model.spec.content_hash != spec.content_hash:
            raise KinescribeError(
                f"{name} reads records of specification {model.spec.content_hash}, "
                f"not of {spec.content_hash}; train it on the same records."
            )
        for field, value in expected.items():
            if getattr(model, field) != value:
                raise KinescribeError(
                    f"{name} has {field} {getattr(model, field)}, not {value}; train "
                    "it with the same words and lengths."
                )


def weights_by_clip(encoders: Iterable[Weights], by_word: Weights) -> Weights:
    """Merges encoders' attention, each (B, T, S), under names that `by_word` lacks."""
    named = unique_names([by_word, *encoders])
    return {name: leaf for name, leaf in named.items() if name not in by_word}
