"""MSR-VTT's `videodatainfo` files (Xu et al., 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from transform.common.config import Config
from transform.common.location import Location
from transform.datasets.msrvtt_categories import MSRVTT_CATEGORIES
from transform.datasets.splits import Listed, Official, Splits
from transform.datasets.video_files import VideoFiles
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    VideoRecord,
    field,
    read_json,
)


class Msrvtt(Config):
    """`{"videos": [...], "sentences": [...]}`, in one file or several.

    So are the files of 2016 and of 2017; one that lists test clips only may have no
    sentences. The clips lie at `videos`/<video_id><extension>, seen from the annotation
    file. They are distributed cut, so that `start time` and `end time`, which count in
    the video that they were cut from, are not used. Categories may be numbers, named by
    `categories`, or names. `splits` may differ from what the files say.
    """

    kind: Literal["msrvtt"] = "msrvtt"
    files: tuple[Location, ...]  # videodatainfo files; their clips are joined
    videos: Location = Location("videos")  # folder of the clips' files
    extension: str = ".mp4"  # usual ending of the clips' file names; others are found
    categories: tuple[str, ...] = MSRVTT_CATEGORIES  # names of the category numbers
    splits: Splits = Official()  # which clips train, validate and test

    def read(self) -> list[VideoRecord]:
        """Returns the clips of all files but those that the splits leave out."""
        contents = {name: read_json(name) for name in self.files}
        listed = {
            name: [
                Listed(field(video, "video_id", str, where), video.get("split"), where)
                for where, video in _entries(data, "videos", name)
            ]
            for name, data in contents.items()
        }
        splits = self.splits.assign(
            [clip for clips in listed.values() for clip in clips]
        )
        corpus = RecordCollector()
        for name, data in contents.items():
            files = VideoFiles(name.beside(self.videos), self.extension)
            for clip, video in zip(listed[name], data["videos"], strict=True):
                record = VideoRecord(
                    clip.video_id,
                    files.find(clip.video_id),
                    splits.get(clip.video_id, "test"),
                    (),
                    self._category(video.get("category", ""), clip.where),
                )
                corpus.add(record, clip.where, left_out=clip.video_id not in splits)
            if "sentences" not in data and _without_captions(listed[name]):
                continue
            for where, sentence in _entries(data, "sentences", name):
                corpus.caption(
                    field(sentence, "video_id", str, where),
                    field(sentence, "caption", str, where),
                    where,
                )
        return corpus.records(*self.files)

    def _category(self, category: Any, where: str) -> str:
        if isinstance(category, str):
            return category
        if isinstance(category, int) and 0 <= category < len(self.categories):
            return self.categories[category]
        raise AnnotationError(
            f"{where}: category {category!r} is not one of the {len(self.categories)} "
            "categories."
        )


def _entries(data: Any, key: str, name: str) -> Iterator[tuple[str, Any]]:
    """Yields (where, entry) for the entries of a list."""
    for index, entry in enumerate(field(data, key, list, name)):
        yield f"{name}, {key}[{index}]", entry


def _without_captions(clips: list[Listed]) -> bool:
    """Tells if a file lists only test clips, whose captions may be withheld."""
    return bool(clips) and all(clip.split == "test" for clip in clips)
