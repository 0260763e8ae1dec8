"""Several captioners that act as one: what all kinds of them share."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping

import tensorflow as tf

from keras_models.attention.weight_names import Weights, unique_names
from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.relevance.model import RelevanceModel
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.structs import VideoBatch, Written
from transform.common.config import Config, validator
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec


class CompositeConfig(Config):
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
        """The record features that the members read."""
        read = [member.features() for member in self.members.values()]
        return tuple(dict.fromkeys(name for names in read for name in names))


class CompositeCaptioner(tf.Module):
    """Has what a search, an evaluation and an export need of a `Captioner`.

    All members have the same vocabulary.

    Args:
        config: Its parts.
        members: The captioners by the names that `config` gives them.

    Raises:
        KinescribeError: The members do not fit each other.
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
    ) -> Written:
        """What the members write together.

        Args:
            video: B clips.
            search: How captions are searched for.
            seed: (2,) integers, for `Sampling`.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def recast(self, precision: Precision) -> CompositeCaptioner:
        """One whose members compute in another precision."""
        raise NotImplementedError

    def _recast_members(self, precision: Precision) -> dict[str, Captioner]:
        return {name: each.recast(precision) for name, each in self.members.items()}


def check_compatible(
    models: Mapping[str, Captioner | RelevanceModel],
    spec: FeatureSpec,
    vocabulary_size: int,
    max_words: int,
) -> None:
    """Raises `KinescribeError` unless all models read and write the same."""
    for name, model in models.items():
        if model.spec.content_hash != spec.content_hash:
            raise KinescribeError(
                f"{name} reads records of specification {model.spec.content_hash}, "
                f"not of {spec.content_hash}; train it on the same records."
            )
        ours = {"vocabulary_size": vocabulary_size, "max_words": max_words}
        for what, value in ours.items():
            if getattr(model, what) != value:
                raise KinescribeError(
                    f"{name} has {what} {getattr(model, what)}, not {value}; train it "
                    "with the same words and lengths."
                )


def weights_by_clip(encoders: Iterable[Weights], by_word: Weights) -> Weights:
    """The encoders' attention, each (B, T, S), under names that no word's has."""
    named = unique_names([by_word, *encoders])
    return {name: leaf for name, leaf in named.items() if name not in by_word}
