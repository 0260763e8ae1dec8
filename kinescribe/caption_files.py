"""Reads the files of captions that `kinescribe score` compares.

Both files may be an object from clip ids to captions, or what COCO's tools write: a
list of objects with `image_id` and `caption`, or an object that holds such a list as
`annotations`.
"""

from __future__ import annotations

import pathlib
from typing import Any

from transform.common.documents import parse_json
from transform.common.errors import KinescribeError
from transform.common.location import Location

_LISTS = ("annotations", "predictions", "sentences")
_IDS = ("image_id", "video_id")
_FORMS = (
    '{"clip": "a caption"} or [{"image_id": "clip", "caption": "a caption"}], as '
    "COCO's tools write it"
)


def read_predictions(path: str | pathlib.Path) -> dict[str, str]:
    """Reads the one caption of each clip.

    Raises:
        KinescribeError: The file cannot be read, or a clip has several captions.
    """
    predictions = {}
    for clip, captions in _read(path).items():
        if isinstance(captions, list) and len(captions) != 1:
            raise KinescribeError(
                f"{path}: clip {clip!r} has {len(captions)} captions; one of each clip "
                "is scored."
            )
        predictions[clip] = captions[0] if isinstance(captions, list) else captions
    return predictions


def read_references(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads all captions of each clip.

    Raises:
        KinescribeError: The file cannot be read.
    """
    return _read(path)


def _read(path: str | pathlib.Path) -> dict[str, Any]:
    data = parse_json(Location(path).read_text(), str(path))
    if isinstance(data, dict):
        listed = next((data[key] for key in _LISTS if _is_rows(data.get(key))), None)
        if listed is None:
            return data
        data = listed
    if not _is_rows(data):
        raise KinescribeError(f"{path} must hold captions as {_FORMS}.")
    captions: dict[str, Any] = {}
    for number, row in enumerate(data):
        clip = next((row[key] for key in _IDS if key in row), None)
        if not isinstance(clip, str | int) or not isinstance(row.get("caption"), str):
            raise KinescribeError(
                f"{path}, entry {number}: an id and a caption are expected, as in "
                f"{_FORMS}."
            )
        captions.setdefault(str(clip), []).append(row["caption"])
    return captions


def _is_rows(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) for row in value)
    )
