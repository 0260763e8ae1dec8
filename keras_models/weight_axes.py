"""`WeightAxes`: what the numbers of an attention weight stand for.

A weight (B, K, L, T, S) alone does not say which of a clip's features its steps and
cells belong to. The configurations do: an encoder's names the `Source` of what it
gives, an attention's says what its weights are about. Exported models carry the answer
with them, for whoever draws or measures where they look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

from transform.common.config import Config, Field

Axis = Literal["word", "step", "cell", "option"]


class Source(Config):
    """The record feature whose steps and cells an encoder's tensor keeps.

    `ratio` of the feature's steps, and of its rows and columns, are one of the
    tensor's: the last has fewer where they do not come out even.
    """

    feature: str  # a record feature
    ratio: int = Field(1, ge=1)  # steps, rows and columns that became one


class WeightAxes(Config):
    """The axes of an attention weight, behind those of clips and captions.

    Without a `source`, steps and cells belong to no feature that is known of. Options
    are what an attention chooses from besides, such as the levels of a network.
    """

    axes: tuple[Axis, ...]  # in their order
    source: Source | None = None  # what steps and cells belong to
    options: tuple[str, ...] = ()  # their names


NamedAxes = dict[str, WeightAxes]


class EncodedSources(NamedTuple):
    """The sources of the parts of an `EncodedVideo`."""

    frames: Source | None = None
    grids: tuple[Source | None, ...] = ()
    weights: NamedAxes = {}  # noqa: RUF012  (of the encoder's own attention)


def to_json(axes: Mapping[str, WeightAxes]) -> str:
    """Returns the axes of named weights as one line of JSON."""
    return json.dumps({name: each.to_dict() for name, each in axes.items()})


def from_json(text: str) -> NamedAxes:
    """Reads the axes of named weights from what `to_json` wrote.

    Raises:
        ConfigError: The text describes no axes.
    """
    return {name: WeightAxes.from_dict(each) for name, each in json.loads(text).items()}
