"""`LateFusion`: keeps the most relevant of several captioners' captions."""

from __future__ import annotations

import itertools
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
from keras_models.structs import Captions, GenerationOutput, VideoBatch
from keras_models.weight_axes import NamedAxes


class LateFusionConfig(CompositeConfig):
    """Several models whose captions compete for each clip.

    The members are trained on their own, and so is the relevance model.
    """

    relevance: RelevanceConfig

    def features(self) -> tuple[str, ...]:
        """Returns the names of the features that members and relevance model read."""
        return tuple(dict.fromkeys(super().features() + self.relevance.features()))

    def weight_axes(self) -> NamedAxes:
        """Returns what those weights are about that are the same of every writer.

        Which member wrote a caption differs from caption to caption, and what a name
        stands for may differ from member to member.
        """
        members = [member.weight_axes() for member in self.members.values()]
        return {
            name: axes
            for name, axes in itertools.chain.from_iterable(m.items() for m in members)
            if all(member.get(name, axes) == axes for member in members)
        }


class LateFusion(CompositeCaptioner):
    """Orders the captions of its members by their relevance to the clip.

    (Chen et al., 2019, Sec. 2.3.)

    Args:
        config: The configurations of the members and of the relevance model.
        members: The built captioners by the names that `config` gives them.
        relevance: The built model that scores their captions.

    Raises:
        KinescribeError: The parts read different records, or differ in vocabulary or
            lengths.
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
    ) -> GenerationOutput:
        """Generates every member's captions, and returns the most relevant first.

        Args:
            video: A batch of B clips.
            search: How each member searches for captions.
            seed: (2,) integers, which `Sampling` needs.

        Returns:
            K captions of each of M members in one order. Their `extras` are `relevance`
            (B, M · K), a cosine, and `written_by` (B, M · K), a member's name. A
            caption's attention is that of the member that wrote it, and 0 under names
            that only others have; where shapes of one name differ, the second is
            `<name>_2`.
        """
        outputs = {
            name: member.caption(video, search, seed)
            for name, member in self.members.items()
        }
        captions = [output.captions for output in outputs.values()]
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
        return GenerationOutput(
            Captions(
                ordered(tokens),
                ordered(log_probs),
                {name: ordered(leaf) for name, leaf in weights.items()},
                ordered(tf.concat([each.word_log_probs for each in captions], axis=1)),
            ),
            weights_by_clip((output.weights for output in outputs.values()), weights),
            {
                "relevance": ordered(scores),
                "written_by": tf.gather(
                    tf.constant(list(outputs)), order // per_member
                ),
            },
        )

    def with_precision(self, precision: Precision) -> LateFusion:
        """Returns a copy whose members compute in another precision."""
        members = self._members_with_precision(precision)
        return LateFusion(self.config, members, self.relevance)


def _by_word(parts: list[Weights]) -> Weights:
    """Each (B, K, L, …) of M members → (B, M · K, L, …), 0 where a member has none."""
    groups: dict[tuple[str, tuple], dict[int, tf.Tensor]] = {}
    for member, weights in enumerate(parts):
        for name, leaf in weights.items():
            groups.setdefault((name, tuple(leaf.shape[3:])), {})[member] = leaf
    merged = []
    for (name, _), leaves in groups.items():
        zeros = tf.zeros_like(next(iter(leaves.values())))
        of_members = [leaves.get(member, zeros) for member in range(len(parts))]
        merged.append({name: tf.concat(of_members, axis=1)})
    return unique_names(merged)
