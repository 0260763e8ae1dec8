"""The files of imported features: one file a clip, or one for all clips."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal, Union

from transform.common.config import BY_KIND, Config, root_validator, validator
from transform.common.location import Location

PLACEHOLDERS = ("video_id", "stem", "split")

# ------------------------------------------------------ rules for what does not fit


class FailClip(Config):
    """Counts the clip as failed."""

    kind: Literal["fail_clip"] = "fail_clip"


class MaskFeature(Config):
    """A missing feature is masked, like the sound of a clip without sound.

    A clip that lacks every feature has failed all the same.
    """

    kind: Literal["mask_feature"] = "mask_feature"


Absent = Annotated[Union[FailClip, MaskFeature], BY_KIND]


class Evenly(Config):
    """Keeps `max_steps` steps, at the centres of as many equal parts."""

    kind: Literal["evenly"] = "evenly"


class First(Config):
    """Keeps the first `max_steps` steps of a feature."""

    kind: Literal["first"] = "first"


class Refuse(Config):
    """Counts the clip as failed."""

    kind: Literal["refuse"] = "refuse"


TooMany = Annotated[Union[Evenly, First, Refuse], BY_KIND]

# -------------------------------------------------------------------------- files


class _Files(Config):
    """Base class of the kinds of files, with their names and axes.

    In names, `{video_id}` is the clip's id, `{stem}` its video file's name without the
    extension, and `{split}` is train, val or test. Relative paths are looked up from
    the working directory.

    `axes` orders the file's axes as steps first, then the feature's: `[0, 2, 3, 1]` for
    maps that have their channels before rows and columns. `absent` says what becomes of
    a clip that the files do not have, `too_many` of one with more than `max_steps`.
    """

    file: Location  # its path; {video_id} stands for a clip's id
    axes: tuple[int, ...] = ()  # order of the array's axes; () for as it is
    absent: Absent = FailClip()  # what happens to a clip that has none
    too_many: TooMany = Evenly()  # which steps stay where there are more than max_steps

    @validator("file", "dataset", check_fields=False)
    def _known_placeholders(cls, text: str) -> str:
        check_template(text)
        return text

    @validator("axes")
    def _an_order(cls, axes: tuple[int, ...]) -> tuple[int, ...]:
        if sorted(axes) != list(range(len(axes))):
            raise ValueError("each of the file's axes must be named once, from 0")
        return axes


class _OnePerClip(_Files):
    @validator("file")
    def _differs_between_clips(cls, file: str) -> str:
        require_clip(file)
        return file


class NpyFiles(_OnePerClip):
    """One .npy file a clip, as in `{kind: npy, file: "i3d/{video_id}.npy"}`."""

    kind: Literal["npy"] = "npy"


class NpzFiles(_OnePerClip):
    """One .npz file a clip, and the name of its array; '' for the only one."""

    kind: Literal["npz"] = "npz"
    key: str = ""  # name of the array; the id where it is empty


class H5File(_Files):
    """One HDF5 file with a data set for each clip.

    As in `{kind: h5, file: c3d.h5, dataset: "{video_id}/c3d_features"}`; `file` may
    have placeholders too.
    """

    kind: Literal["h5"] = "h5"
    dataset: str = "{video_id}"  # path inside the file

    @root_validator(skip_on_failure=True)
    def _differs_between_clips(cls, values: dict[str, Any]) -> dict[str, Any]:
        require_clip(values["file"] + values["dataset"])
        return values


FeatureFiles = Union[NpyFiles, NpzFiles, H5File]


def check_template(text: str) -> None:
    """Raises `ValueError` if a name has an unknown placeholder."""
    try:
        fields = [part[1:] for part in string.Formatter().parse(text)]
    except ValueError as error:
        raise ValueError(f"its braces do not match: {error}") from error
    for name, form, conversion in fields:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise ValueError(f"{{{name}}} is unknown; there are {known}")


def require_clip(text: str) -> None:
    """Raises `ValueError` if a name is the same for all clips."""
    if not {"video_id", "stem"} & {part[1] for part in string.Formatter().parse(text)}:
        raise ValueError("it must have {video_id} or {stem}, to tell clips apart")
