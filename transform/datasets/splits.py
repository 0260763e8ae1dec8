"""Splits into training, validation and test clips, where papers differ from files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union

from transform.common.config import BY_KIND, Config, Field
from transform.common.location import Location
from transform.datasets.video_record import (
    AnnotationError,
    Split,
    numbered_lines,
    split_named,
)

_NUMBER = re.compile(r"[0-9]{1,18}$")


class Listed(NamedTuple):
    """A clip as its annotation file lists it."""

    video_id: str
    split: Any  # what the file says, if anything
    where: str


class Official(Config):
    """Keeps the split that the annotation files give every clip."""

    kind: Literal["official"] = "official"

    def assign(self, clips: Sequence[Listed]) -> dict[str, Split]:
        """Returns the split of each clip."""
        return {clip.video_id: _official(clip) for clip in clips}


class ByNumber(Config):
    """Splits the clips into contiguous parts by the number at the end of their ids.

    The default is VRE's (Shi et al., 2019, Sec. 4.1).
    """

    kind: Literal["by_number"] = "by_number"
    train: int = Field(6512, ge=0)  # clips that train
    val: int = Field(498, ge=0)  # clips that validate, after those
    test: int = Field(2990, ge=0)  # clips that test, after those
    first: int = Field(0, ge=0)  # the lowest number; MSR-VTT counts from 0

    def assign(self, clips: Sequence[Listed]) -> dict[str, Split]:
        """Returns the split of each clip."""
        return {clip.video_id: self.split(_number(clip), clip) for clip in clips}

    def split(self, number: int, clip: Listed) -> Split:
        """Returns the split of one number."""
        place = number - self.first
        if 0 <= place < self.train:
            return "train"
        if self.train <= place < self.train + self.val:
            return "val"
        if self.train + self.val <= place < self.train + self.val + self.test:
            return "test"
        end = self.first + self.train + self.val + self.test - 1
        raise AnnotationError(
            f"{clip.where}: {clip.video_id} lies outside the splits, which are of "
            f"{self.first} to {end}."
        )


class HeldOut(Config):
    """Makes the last `test` training clips, by number, the test split.

    For benchmarks whose official test captions are withheld. With 1,000 of MSR-VTT's
    clips, 5,513 are left for training, as in dualAFR (Pu et al., 2018, Sec. 4), which
    does not say how it chose them. The official test clips are left out.
    """

    kind: Literal["held_out"] = "held_out"
    test: int = Field(1000, ge=1)  # clips that are held out

    def assign(self, clips: Sequence[Listed]) -> dict[str, Split]:
        """Returns the split of each clip that is not left out."""
        official = {clip.video_id: _official(clip) for clip in clips}
        train = [clip for clip in clips if official[clip.video_id] == "train"]
        if len(train) <= self.test:
            raise AnnotationError(
                f"splits.test holds out {self.test:,} training clips, but only "
                f"{len(train):,} are listed."
            )
        held_out = {c.video_id for c in sorted(train, key=_number)[-self.test :]}
        splits: dict[str, Split] = {}
        for name, split in official.items():
            if name in held_out:
                splits[name] = "test"
            elif split != "test":
                splits[name] = split
        return splits


class Lists(Config):
    """Reads each split's ids from a file, one a line; other clips are left out."""

    kind: Literal["lists"] = "lists"
    files: dict[Split, Location]  # a file of ids for each split

    def assign(self, clips: Sequence[Listed]) -> dict[str, Split]:
        """Returns the split of each clip that is in a list."""
        known = {clip.video_id for clip in clips}
        splits: dict[str, Split] = {}
        for split, name in self.files.items():
            for where, line in numbered_lines(name):
                video_id = line.strip()
                if video_id not in known:
                    raise AnnotationError(
                        f"{where}: no annotation file lists video {video_id!r}."
                    )
                if splits.setdefault(video_id, split) != split:
                    raise AnnotationError(
                        f"{where}: video {video_id!r} is in the {splits[video_id]} "
                        "split already."
                    )
        return splits


Splits = Annotated[Union[Official, ByNumber, HeldOut, Lists], BY_KIND]


def _official(clip: Listed) -> Split:
    if clip.split is None:
        raise AnnotationError(f"{clip.where}: key 'split' is missing.")
    return split_named(clip.split, clip.where)


def _number(clip: Listed) -> int:
    match = _NUMBER.search(clip.video_id)
    if not match:
        raise AnnotationError(
            f"{clip.where}: the id {clip.video_id!r} does not end in a number, which "
            "splits go by."
        )
    return int(match.group())
