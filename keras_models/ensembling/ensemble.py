"""`Ensemble`: captioners whose word distributions are averaged."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_models import generation
from keras_models.attention.weight_names import unique_names
from keras_models.captioner import Captioner
from keras_models.ensembling.composite import (
    CompositeCaptioner,
    CompositeConfig,
    weights_by_clip,
)
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.structs import GenerationOutput, VideoBatch
from keras_models.weight_axes import NamedAxes
from transform.common.config import Field, validator


class EnsembleConfig(CompositeConfig):
    """Several models whose word distributions are averaged at every word.

    The members are trained on their own, often as one row with several seeds.
    """

    # The members' weights in the mean, by name; 1 for a name that is left out.
    weights: dict[str, float] = Field(default_factory=dict)

    @validator("weights")
    def _one_weight_each(
        cls,
        weights: dict[str, float],
        values: Mapping[str, Any],
    ) -> dict[str, float]:
        members = values.get("members", weights)
        if unknown := weights.keys() - members:
            raise ValueError(f"there are no members {sorted(unknown)}")
        if not all(0 < weight < math.inf for weight in weights.values()):
            raise ValueError("weights are positive numbers")
        return {name: weights.get(name, 1.0) for name in members}

    def weight_axes(self) -> NamedAxes:
        """Returns what the members' weights are about, words' before clips'."""
        members = self.members.values()
        by_word = itertools.chain.from_iterable(
            member.attention_axes() for member in members
        )
        by_clip = (member.encoder.sources().weights for member in members)
        return unique_names([*by_word, *by_clip])

    def shares(self) -> dict[str, float]:
        """Returns the members' weights, scaled to sum to 1."""
        total = sum(self.weights.values())
        return {name: weight / total for name, weight in self.weights.items()}


class Ensemble(CompositeCaptioner):
    """Searches once, by the weighted mean of its members' word distributions.

    Args:
        config: The configurations of the members, and their weights.
        members: The built captioners by the names that `config` gives them.

    Raises:
        KinescribeError: The members read different records, or differ in vocabulary
            or lengths.
    """

    config: EnsembleConfig

    def __init__(self, config: EnsembleConfig, members: Mapping[str, Captioner]):
        super().__init__(config, members)

    def caption(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> GenerationOutput:
        """Every member encodes the clips, then one search generates their captions.

        Args:
            video: A batch of B clips.
            search: How captions are searched for.
            seed: (2,) integers, which `Sampling` needs.

        Returns:
            The captions with all members' attention. Where weights share a name, in the
            order of the members and words before clips, the second is `<name>_2`.
        """
        members = list(self.members.values())
        encoded = [member.encode(video) for member in members]
        state, memory = zip(
            *(
                member.start(clips)
                for member, clips in zip(members, encoded, strict=True)
            ),
            strict=True,
        )
        step = generation.ensemble(
            [member.step for member in members],
            [self.config.weights[name] for name in self.members],
        )
        captions = search.search(step, state, memory, self.max_words, seed)
        weights = weights_by_clip(
            (clips.weights for clips in encoded), captions.weights
        )
        return GenerationOutput(captions, weights, {})

    def with_precision(self, precision: Precision) -> Ensemble:
        """Returns a copy whose members compute in another precision."""
        return Ensemble(self.config, self._members_with_precision(precision))
