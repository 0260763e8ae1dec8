"""`Survey`: what a user's folder or list of clips holds, and what is wrong with it."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pipeline.catalogue import content, rows
from pipeline.catalogue.clip_look import ClipLook, look
from pipeline.catalogue.content import SharedFile
from pipeline.catalogue.rows import Row
from transform.common.location import Location
from transform.datasets import AnnotationError, Split, VideoRecord
from transform.datasets.video_record import split_named


class Survey(NamedTuple):
    """The clips that can be used, and those that cannot."""

    clips: tuple[VideoRecord, ...]  # decodable and captioned; the split is not set yet
    splits: Mapping[str, Split]  # those that the list gives, by the clips' ids
    looks: Mapping[str, ClipLook]  # by the clips' ids
    broken: Mapping[str, str]  # file → why nothing of it can be decoded
    uncaptioned: tuple[str, ...]  # files
    copies: tuple[SharedFile, ...]  # clips of the same bytes, or of the same file

    @property
    def captions(self) -> list[str]:
        """All captions of the clips that can be used."""
        return [text for clip in self.clips for text in clip.captions]

    @property
    def photographs(self) -> bool:
        """Whether most of the clips are single pictures."""
        return 2 * sum(one.photograph for one in self.looks.values()) > len(self.clips)

    @property
    def sounding(self) -> bool:
        """Whether most of the clips have a sound track."""
        return 2 * sum(one.sound for one in self.looks.values()) > len(self.clips)

    @property
    def median_seconds(self) -> float:
        """The middle one of the clips' lengths."""
        lengths = sorted(one.seconds for one in self.looks.values())
        return lengths[len(lengths) // 2]


def survey(
    source: str, progress: Callable[[int, int], None] = lambda done, total: None
) -> Survey:
    """Looks at every clip of a folder, or of a CSV, TSV or JSONL file.

    Args:
        source: The folder or the file.
        progress: Called with how many clips were looked at, and of how many.

    Raises:
        AnnotationError: The list is wrong, or nothing can be learnt from its clips.
    """
    place = Location(source)
    if os.path.isdir(place):
        listed = rows.read_folder(place)
    elif place.endswith(rows.LISTS):
        listed = rows.read(place)
    else:
        raise AnnotationError(
            f"{place} is neither a folder nor a .csv, .tsv or .jsonl file: give one of "
            "these."
        )
    merged = _merged(listed)
    captioned = [clip for clip in merged.values() if clip.captions]
    uncaptioned = tuple(clip.uri for clip in merged.values() if not clip.captions)
    if not captioned:
        raise AnnotationError(
            f"none of the {len(merged):,} clips of {place} has a caption: put them "
            "into a CSV file with the columns video and caption, or those of clip.mp4 "
            "into a clip.txt beside it, one a line."
        )
    looks = _looks(captioned, progress)
    usable = tuple(clip for clip in captioned if not looks[clip.video_id].problem)
    broken = {
        clip.uri: looks[clip.video_id].problem
        for clip in captioned
        if looks[clip.video_id].problem
    }
    if not usable:
        name, reason = next(iter(broken.items()))
        raise AnnotationError(
            f"none of the {len(captioned):,} captioned clips of {place} can be "
            f"decoded; of {name} {reason}."
        )
    kept = {clip.video_id for clip in usable}
    splits = _splits(listed, merged)
    return Survey(
        clips=usable,
        splits={name: split for name, split in splits.items() if name in kept},
        looks={name: one for name, one in looks.items() if name in kept},
        broken=broken,
        uncaptioned=uncaptioned,
        copies=tuple(content.shared_files(usable)),
    )


# What tells clips apart: the file, and the seconds of it.
_Key = tuple[str, float | None, float | None]


def _merged(listed: Sequence[Row]) -> dict[_Key, VideoRecord]:
    """Joins the rows of one clip, and gives clips without an id one."""
    groups: dict[_Key, list[Row]] = collections.defaultdict(list)
    for row in listed:
        groups[_key(row)].append(row)
    ids = _ids(groups)
    merged = {}
    for key, members in groups.items():
        first = members[0]
        texts = tuple(text for row in members for text in row.captions)
        categories = dict.fromkeys(row.category for row in members if row.category)
        merged[key] = VideoRecord(
            video_id=ids[key],
            uri=first.video,
            split="train",
            captions=texts,
            category=next(iter(categories), ""),
            start=first.start,
            end=first.end,
        )
    return merged


def _key(row: Row) -> _Key:
    return os.path.normpath(row.video), row.start, row.end


def _ids(groups: Mapping[_Key, list[Row]]) -> dict[_Key, str]:
    """Returns an id for each clip: the list's own, or made of the file's name."""
    owner: dict[str, tuple[_Key, str]] = {}
    ids: dict[_Key, str] = {}
    stems = collections.Counter(Location(path).stem for path, _, _ in groups)
    for key, members in groups.items():
        path, start, end = key
        name = next((row.video_id for row in members if row.video_id), "")
        if not name:
            stem = Location(path).stem
            name = stem if stems[stem] == 1 else f"{stem}-{len(ids)}"
            if start is not None or end is not None:
                name += f"@{start or 0:g}-{'' if end is None else f'{end:g}'}"
        where = members[0].where
        if name in owner:
            raise AnnotationError(
                f"{where}: the id {name!r} is that of another clip already, at "
                f"{owner[name][1]}."
            )
        owner[name] = key, where
        ids[key] = name
    return ids


def _splits(
    listed: Iterable[Row], merged: Mapping[_Key, VideoRecord]
) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for row in listed:
        if not row.split:
            continue
        clip = merged[_key(row)]
        split = split_named(row.split, row.where)
        if splits.setdefault(clip.video_id, split) != split:
            raise AnnotationError(
                f"{row.where}: clip {clip.video_id!r} is in split "
                f"{splits[clip.video_id]} already."
            )
    return splits


def _looks(
    clips: Sequence[VideoRecord], progress: Callable[[int, int], None]
) -> dict[str, ClipLook]:
    looks = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(lambda clip: look(clip.uri, clip.start, clip.end), clips)
        for clip, one in zip(clips, found, strict=True):
            looks[clip.video_id] = one
            progress(len(looks), len(clips))
    return looks
