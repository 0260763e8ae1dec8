"""The feature specification: what a record holds, and a hash of how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from transform.common.config import (
    ByteSize,
    Config,
    ConfigError,
    Field,
    first_difference,
    validator,
)
from transform.common.errors import KinescribeError
from transform.schema.encodings import FeatureLayout
from transform.schema.features import Feature
from transform.schema.features.category import Category
from transform.schema.frame_placement import FrameSampling

# Keys of a record besides its features.
VIDEO_ID = "video_id"
CAPTIONS = "captions"
CATEGORY = "category"
CLIP_LENGTH = "clip_length"
MISSING = "missing"
LABELS = "labels"
CLIP_HASH = "clip_hash"
SPEC_HASH = "spec_hash"

SLICES = (CATEGORY, CLIP_LENGTH, MISSING)  # columns that group clips
_RESERVED = {
    VIDEO_ID,
    CAPTIONS,
    CATEGORY,
    CLIP_LENGTH,
    MISSING,
    LABELS,
    CLIP_HASH,
    SPEC_HASH,
}


# The rules by which a file becomes frames: what is one, its shape, its place in time.
# Whoever changes them raises this, so that features made by others are not taken for
# the same; `tests/transform/video/test_what_a_frame_is.py` holds them.
DECODING = 1


class SpecMismatchError(KinescribeError, ValueError):
    """Raised where features of one specification meet a reader of another."""


class FeatureSpec(Config):
    """Everything that decides a feature's values; its hash travels with the features.

    The hash stands in every record, in the SavedModel and in the served signature;
    trainer, evaluator and server refuse features of another hash (`check_same`).

    `max_bytes_per_clip` is a budget, as in `20 MB`: a specification whose clips may
    take more is refused. It is not hashed.
    """

    version: Literal[1] = 1  # of the record format
    sampling: FrameSampling = FrameSampling()  # key frames and the filter of resizing
    features: tuple[Feature, ...]  # what is stored of a clip
    max_bytes_per_clip: ByteSize | None = None  # a larger record is refused, as 20MB
    decoding: int = Field(1, ge=1)  # of the rules of decoding; filled in by extraction

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"max_bytes_per_clip"})
    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"decoding"})

    @validator("features")
    def _distinct_and_fitting(cls, features: tuple, values: dict) -> tuple:
        names = [feature.name for feature in features]
        if len(set(names)) != len(names):
            raise ValueError(f"feature names must differ; received {names}")
        for feature in features:
            text = feature.name == CATEGORY and isinstance(feature, Category)
            if feature.name in _RESERVED and not text:
                raise ValueError(
                    f"feature {feature.name} needs another name, since every record "
                    f"has a {feature.name} of its own"
                )
        if "sampling" in values:
            for feature in features:
                feature.tensor(values["sampling"])
        return features

    @validator("max_bytes_per_clip")
    def _within_budget(
        cls,
        budget: ByteSize | None,
        values: dict,
    ) -> ByteSize | None:
        if budget is None or not {"sampling", "features"} <= values.keys():
            return budget
        tensors = [feature.tensor(values["sampling"]) for feature in values["features"]]
        if sum(tensor.bytes for tensor in tensors) > budget:
            raise ValueError(
                f"a clip may take {_bytes_in_words(tensors)}; make these smaller, or "
                "raise the budget"
            )
        return budget

    def tensors(self) -> tuple[FeatureLayout, ...]:
        """Returns the layouts of all stored tensors, in the order of `features`."""
        return tuple(feature.tensor(self.sampling) for feature in self.features)

    def tensor(self, name: str) -> FeatureLayout:
        """Returns the layout of one stored tensor; `KeyError` lists the names."""
        for tensor in self.tensors():
            if tensor.name == name:
                return tensor
        have = ", ".join(feature.name for feature in self.features)
        raise KeyError(
            f"feature {name!r} is not in specification {self.content_hash} ({have})"
        )

    @property
    def content_hash(self) -> str:
        """Sixteen hex digits that identify the specification."""
        return _HashedSpec(__root__=self.hashed()).digest()

    def check_decoding(self) -> None:
        """Raises `ConfigError` if this version makes frames by other rules."""
        if self.decoding != DECODING:
            raise ConfigError(
                f"the features are of frames by decoding rules {self.decoding}, and "
                f"this version of Kinescribe has rules {DECODING}: use the version that"
                " made them, or extract the clips again and train anew."
            )

    def bytes_per_clip(self) -> int:
        """Returns the largest size of a clip's uncompressed features."""
        return sum(tensor.bytes for tensor in self.tensors())

    def bytes_in_words(self) -> str:
        """Returns `bytes_per_clip` and the largest features in readable units."""
        return _bytes_in_words(self.tensors())

    def check_same(self, other: "FeatureSpec", *, ours: str, theirs: str) -> None:
        """Raises `SpecMismatchError` with both hashes and the first differing field.

        `ours` and `theirs` say in words where each specification comes from, as in
        "the model" and "the records in train-00000".
        """
        if self.content_hash == other.content_hash:
            return
        field = first_difference(self.hashed(), other.hashed())
        raise SpecMismatchError(
            f"{ours} expects features of specification {self.content_hash}, but "
            f"{theirs} has {other.content_hash}; they differ in {field}."
        )


class _HashedSpec(Config):
    __root__: dict


def _bytes_in_words(tensors: Sequence[FeatureLayout]) -> str:
    def words(size: int) -> str:
        return ByteSize(size).human_readable(decimal=True)

    biggest = sorted(tensors, key=lambda tensor: -tensor.bytes)[:3]
    parts = ", ".join(f"{tensor.name} {words(tensor.bytes)}" for tensor in biggest)
    others = " and others" if len(tensors) > len(biggest) else ""
    return f"{words(sum(tensor.bytes for tensor in tensors))} ({parts}{others})"
