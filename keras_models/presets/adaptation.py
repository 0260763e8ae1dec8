"""Presets on other data: which feature stands in for the one that a paper reads.

A row of a paper reads ResNet-152, C3D or regions of a detector. What counts for its
mechanism is the role of a feature, not the network it comes from: what frames look
like, how they move, what they sound like. `adapt` gives every feature of a row the
feature of the data that has its role, or one that can take it over; how a vector, a
grid or regions are then read is the rule of `encoders.feature_views`. Of several that
fit alike, the specification's first one is taken.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_models.captioner_config import CaptionerConfig
from keras_models.encoders.dual_afr import DualAFRConfig
from keras_models.encoders.level_alignment import IdentityLevelConfig
from keras_models.encoders.vatex import VatexConfig
from keras_models.presets.paper_features import PAPER_FEATURES
from transform.common.config import Config, ConfigError
from transform.schema import (
    AudioWords,
    Category,
    ChunkGrid,
    Feature,
    FeatureSpec,
    Flow,
    FlowInput,
    FrameGrid,
    Imported,
    LogMel,
    Regions,
    VGGish,
    WholeClip,
)


class Role(str, enum.Enum):
    """The part that a feature plays in a model, in words for a person."""

    APPEARANCE = "frames' appearance"
    MOTION = "motion in chunks of frames"
    FLOW_NETWORK = "a network's view of the optical flow"
    LOWER_LEVEL = "a lower level of a 3-D network"
    REGIONS = "regions of frames"
    FLOW = "optical flow"
    SOUND = "sound"
    CATEGORY = "the clip's category"


# Roles that may take a role over where the data have no feature of it, best first.
_STAND_INS: Mapping[Role, tuple[Role, ...]] = {
    Role.APPEARANCE: (Role.MOTION, Role.REGIONS),
    Role.MOTION: (Role.APPEARANCE, Role.REGIONS),
    Role.FLOW_NETWORK: (Role.MOTION,),
    Role.REGIONS: (Role.APPEARANCE, Role.MOTION),
}
# Roles that a row can do without: what the data lack is left out, as in a silent clip.
_OPTIONAL = {Role.SOUND, Role.CATEGORY}
_LOWER_LEVELS = {"pool2", "pool3", "pool4"}  # of C3D, as dualAFR reads them


class Adaptation(NamedTuple):
    """A model that reads the data's features, and what became of the paper's."""

    model: CaptionerConfig
    replaced: dict[str, str]  # by the paper's feature, only where the two differ
    left_out: tuple[str, ...]  # the paper's features that the data have no match for

    @property
    def reads(self) -> dict[str, str | None]:
        """The changes as `with_features` takes them."""
        return {**self.replaced, **dict.fromkeys(self.left_out)}

    def __str__(self) -> str:
        """Returns the changes in words, '' if there are none."""
        parts = [f"{ours} for {theirs}" for theirs, ours in self.replaced.items()]
        if self.left_out:
            parts.append(f"no {' and no '.join(self.left_out)}")
        return ", ".join(parts)


def role(feature: Feature) -> Role:
    """Returns the role of a feature; imported ones are known by the papers' names."""
    if isinstance(feature, Imported):
        known = PAPER_FEATURES.get(feature.name)
        if known is not None and not isinstance(known, Imported):
            return role(known)
        return Role.REGIONS if len(feature.shape) == 2 else Role.APPEARANCE
    if isinstance(feature, FrameGrid):
        return Role.APPEARANCE
    if isinstance(feature, ChunkGrid):
        if feature.layer in _LOWER_LEVELS and isinstance(feature.at, WholeClip):
            return Role.LOWER_LEVEL
        if isinstance(feature.input, FlowInput):
            return Role.FLOW_NETWORK
        return Role.MOTION
    if isinstance(feature, Regions):
        return Role.REGIONS
    if isinstance(feature, Flow):
        return Role.FLOW
    if isinstance(feature, Category):
        return Role.CATEGORY
    assert isinstance(feature, LogMel | VGGish | AudioWords)
    return Role.SOUND


def adapt(model: CaptionerConfig, spec: FeatureSpec) -> Adaptation:
    """Returns a model that reads the features of `spec` in place of its own.

    A feature that the data have by name stays. Sound and category are left out where
    the data have none.

    Raises:
        ConfigError: The data lack a role that the model's mechanism needs, or have one
            feature only where the model compares two.
    """
    have = {feature.name for feature in spec.features}
    names: dict[str, str | None] = {}
    for name in model.features():
        if name in have:
            names[name] = name
        elif name not in PAPER_FEATURES:
            raise ConfigError(
                f"the model reads {name}, which the data lack: they have "
                f"{', '.join(sorted(have))}."
            )
        else:
            names[name] = _stand_in(PAPER_FEATURES[name], spec)
    _check_distinct(model, names)
    return Adaptation(
        _with_one_width(with_features(model, names), spec),
        {ours: name for ours, name in names.items() if name and name != ours},
        tuple(ours for ours, name in names.items() if name is None),
    )


def with_features(
    model: CaptionerConfig, names: Mapping[str, str | None]
) -> CaptionerConfig:
    """Returns a model that reads features of other names, without those that are None.

    Raises:
        ConfigError: A name is none of the model's features.
    """
    unknown = [name for name in names if name not in model.features()]
    if unknown:
        raise ConfigError(
            f"the model does not read {', '.join(unknown)}: it reads "
            f"{', '.join(model.features())}."
        )
    renamed: CaptionerConfig = _renamed(model, names)
    return renamed


def _stand_in(wanted: Feature, spec: FeatureSpec) -> str | None:
    """Returns the name of the data's feature in a feature's place, if it needs one."""
    ours = role(wanted)
    order = (ours, *_STAND_INS.get(ours, ()))

    def rank(feature: Feature) -> int:
        return len(feature.tensor(spec.sampling).step_shape)

    def distance(feature: Feature) -> tuple[int | bool, ...]:
        return (
            order.index(role(feature)),
            _layer(feature) != _layer(wanted),
            rank(feature) != rank(wanted),
            _source(feature) is not _source(wanted),
        )

    fitting = [feature for feature in spec.features if role(feature) in order]
    if ours is Role.LOWER_LEVEL:
        fitting = [one for one in fitting if _layer(one) == _layer(wanted)]
    if fitting:
        return min(fitting, key=distance).name
    if ours in _OPTIONAL:
        return None
    names = ", ".join(feature.name for feature in spec.features)
    raise ConfigError(
        f"the model reads {wanted.name} ({ours.value}), which none of the data's "
        f"features can stand for: {names}."
    )


def _layer(feature: Feature) -> str:
    """Returns the layer of a network whose output a feature is, '' if of none."""
    return feature.layer if isinstance(feature, FrameGrid | ChunkGrid) else ""


def _source(feature: Feature) -> type | None:
    """Returns where regions' vectors are taken from: a frame or a chunk of frames."""
    return type(feature.source) if isinstance(feature, Regions) else None


def _check_distinct(model: CaptionerConfig, names: Mapping[str, str | None]) -> None:
    """Raises `ConfigError` if features that are compared would be one and the same."""
    if isinstance(model.encoder, VatexConfig | DualAFRConfig):
        return  # join their features: one that comes twice is read once
    paper: dict[str, str] = {}
    for ours, name in names.items():
        if name is not None and name in paper:
            raise ConfigError(
                f"the model reads {paper[name]} beside {ours}, for both of which the "
                f"data have {name} alone."
            )
        if name is not None:
            paper[name] = ours


def _with_one_width(model: CaptionerConfig, spec: FeatureSpec) -> CaptionerConfig:
    """Returns dualAFR's levels as wide as pool5, which stays as it is.

    A level alone is as wide as beside pool5 where the data have that layer: the rows
    then differ in their levels only.
    """
    encoder = model.encoder
    if not isinstance(encoder, DualAFRConfig):
        return model
    unchanged = [
        level.feature
        for level in encoder.levels
        if isinstance(level, IdentityLevelConfig)
    ]
    pool5 = [feature.name for feature in spec.features if _layer(feature) == "pool5"]
    if not unchanged and not pool5:
        return model
    width = spec.tensor([*unchanged, *pool5][0]).step_shape[-1]
    levels = tuple(
        level
        if isinstance(level, IdentityLevelConfig)
        else level.replace(filters=width)
        for level in encoder.levels
    )
    return model.replace(encoder=encoder.replace(levels=levels))


def _renamed(value: Any, names: Mapping[str, str | None]) -> Any:
    """Returns settings with other names of features, without those that are None."""
    if isinstance(value, Config):
        changes = {
            key: _renamed(part, names)
            for key, part in dict(value).items()
            if key != "kind"
        }
        return value.replace(**changes)
    if isinstance(value, tuple):
        kept = [
            _renamed(item, names)
            for item in value
            if names.get(getattr(item, "feature", None) or item, "") is not None
        ]
        joined = all(isinstance(item, str) for item in kept)
        return tuple(dict.fromkeys(kept) if joined else kept)
    return names.get(value, value) if isinstance(value, str) else value
