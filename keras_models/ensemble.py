"""`Ensemble`: several captioners that write each word together."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from keras_models import generation
from keras_models.captioner import Captioner
from keras_models.ensemble_variant import EnsembleVariant
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.joint_model import JointModel, weights_by_clip
from keras_models.structs import VideoBatch, Written


class Ensemble(JointModel):
    """Searches once, by the weighted mean of its members' word distributions.

    Args:
        variant: Its parts, and how much each counts.
        members: The captioners by the names that `variant` gives them.

    Raises:
        KinescribeError: The members do not fit each other.
    """

    variant: EnsembleVariant

    def __init__(self, variant: EnsembleVariant, members: Mapping[str, Captioner]):
        super().__init__(variant, members)

    def caption(
        self, video: VideoBatch, config: SearchConfig, seed: tf.Tensor | None = None
    ) -> Written:
        """Every member looks at the clips, then one search finds their captions.

        Args:
            video: B clips.
            config: The search.
            seed: (2,) integers, for `Sampling`.

        Returns:
            `Written` with all members' attention; of those that share a name, in the
            members' order and words before clips, the second is `<name>_2`.
        """
        members = list(self.members.values())
        encoded = [member.encode(video) for member in members]
        state, memory = zip(
            *(
                member.start(seen)
                for member, seen in zip(members, encoded, strict=True)
            ),
            strict=True,
        )
        step = generation.ensemble(
            [member.step for member in members],
            [self.variant.weights[name] for name in self.members],
        )
        found = generation.run(config, step, state, memory, self.max_words, seed)
        weights = weights_by_clip((seen.weights for seen in encoded), found.weights)
        return Written(found, weights, {})

    def recast(self, precision: Precision) -> Ensemble:
        """One whose members compute in another precision."""
        return Ensemble(self.variant, self._recast_members(precision))
