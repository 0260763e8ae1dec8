"""Late fusion: of several captioners' captions the most relevant is kept."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from keras_models.attention.weight_names import Weights, unique_names
from keras_models.captioner import Captioner
from keras_models.ensembling.composite import (
    CompositeCaptioner,
    CompositeConfig,
    check_compatible,
    weights_by_clip,
)
from keras_models.ensembling.relevance.model import RelevanceConfig, RelevanceModel
from keras_models.generation import SearchConfig
from keras_models.inference.precision import Precision
from keras_models.structs import Captions, VideoBatch, Written


class LateFusionConfig(CompositeConfig):
    """One row of a paper's table in which several models' captions compete.

    The members are trained on their own, and so is the relevance model.
    """

    relevance: RelevanceConfig

    def features(self) -> tuple[str, ...]:
        """The record features that the members and the relevance model read."""
        return tuple(dict.fromkeys(super().features() + self.relevance.features()))


class LateFusion(CompositeCaptioner):
    """Orders the captions of its members by their relevance to the clip.

    (Chen et al., 2019, Sec. 2.3.)

    Args:
        config: Its parts.
        members: The captioners by the names that `config` gives them.
        relevance: Judges their captions.

    Raises:
        KinescribeError: The parts do not fit each other.
    """

    config: LateFusionConfig

    def __init__(
        self,
        config: LateFusionConfig,
        members: Mapping[str, Captioner],
        relevance: RelevanceModel,
    ):
        super().__init__(config, members)
        judge = {"the relevance model": relevance}
        check_compatible(judge, self.spec, self.vocabulary_size, self.max_words)
        self.relevance = relevance

    def caption(
        self, video: VideoBatch, search: SearchConfig, seed: tf.Tensor | None = None
    ) -> Written:
        """Every member's captions, the most relevant first.

        Args:
            video: B clips.
            search: How each member searches.
            seed: (2,) integers, for `Sampling`.

        Returns:
            `Written`: K captions of each of M members in one order; `facts` are their
            `relevance` (B, M · K), a cosine, and `written_by` (B, M · K), a member's
            name. A caption's attention is that of its writer, and 0 under names that
            only others have; where shapes of one name differ, the second is `<name>_2`.
        """
        found = {
            name: member.caption(video, search, seed)
            for name, member in self.members.items()
        }
        captions = [written.captions for written in found.values()]
        tokens = tf.concat([each.tokens for each in captions], axis=1)  # (B, M · K, L)
        log_probs = tf.concat([each.log_probs for each in captions], axis=1)
        impossible = log_probs == -float("inf")
        scores = self.relevance.score(video, tokens)  # (B, M · K)
        scores = tf.where(impossible, -float("inf"), scores)
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        per_member = captions[0].tokens.shape[1] or tf.shape(captions[0].tokens)[1]

        def ordered(leaf: tf.Tensor) -> tf.Tensor:
            return tf.gather(leaf, order, axis=1, batch_dims=1)

        weights = _by_word([each.weights for each in captions])
        return Written(
            Captions(
                ordered(tokens),
                ordered(log_probs),
                {name: ordered(leaf) for name, leaf in weights.items()},
            ),
            weights_by_clip((each.weights for each in found.values()), weights),
            {
                "relevance": ordered(scores),
                "written_by": tf.gather(tf.constant(list(found)), order // per_member),
            },
        )

    def recast(self, precision: Precision) -> LateFusion:
        """One whose members compute in another precision."""
        members = self._recast_members(precision)
        return LateFusion(self.config, members, self.relevance)


def _by_word(found: list[Weights]) -> Weights:
    """Each (B, K, L, …) of M members → (B, M · K, L, …), 0 where a member has none."""
    alike: dict[tuple[str, tuple], dict[int, tf.Tensor]] = {}
    for place, weights in enumerate(found):
        for name, leaf in weights.items():
            alike.setdefault((name, tuple(leaf.shape[3:])), {})[place] = leaf
    joined = []
    for (name, _), leaves in alike.items():
        nothing = tf.zeros_like(next(iter(leaves.values())))
        parts = [leaves.get(place, nothing) for place in range(len(found))]
        joined.append({name: tf.concat(parts, axis=1)})
    return unique_names(joined)
