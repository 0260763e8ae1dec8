"""VATEX's JSON files (Wang et al., 2019)."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Union

from transform.common.config import BY_KIND, Config
from transform.common.location import Location
from transform.datasets.video_files import VideoFiles
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    Split,
    VideoRecord,
    field,
    read_json,
)

_CLIP = re.compile(r".+_[0-9]{6}_[0-9]{6}")


class CutVideos(Config):
    """One file a clip, already cut: <videoID><extension>."""

    kind: Literal["cut"] = "cut"

    def place(self, video_id: str) -> tuple[str, float | None, float | None]:
        """Returns (file's stem, start, end) of a clip."""
        return video_id, None, None


class WholeVideos(Config):
    """One file a whole YouTube video: <YouTube id><extension>.

    A clip's start and end, in seconds, stand in its videoID.
    """

    kind: Literal["whole"] = "whole"

    def place(self, video_id: str) -> tuple[str, float | None, float | None]:
        """Returns (file's stem, start, end) of a clip."""
        youtube_id, start, end = video_id.rsplit("_", 2)
        return youtube_id, float(start), float(end)


class Vatex(Config):
    """Lists of `{"videoID": <YouTube id>_<start>_<end>, "enCap": [...]}`, one a split.

    So are the files of v1.0 and of v1.1. The videos lie in the folder `videos`, seen
    from each split's file. The Chinese captions (`chCap`) are not read; the private
    test file has no captions at all, which is allowed for the test split.
    """

    kind: Literal["vatex"] = "vatex"
    files: dict[Split, Location]  # the annotation file of each split
    videos: Location = Location("videos")  # folder of the clips' files
    extension: str = ".mp4"  # usual ending of the clips' file names; others are found
    # whether the clips were cut already
    layout: Annotated[Union[CutVideos, WholeVideos], BY_KIND] = CutVideos()

    def read(self) -> list[VideoRecord]:
        """Returns the clips of all splits."""
        corpus = RecordCollector()
        for split, name in self.files.items():
            videos = VideoFiles(name.beside(self.videos), self.extension)
            entries = read_json(name)
            if not isinstance(entries, list):
                raise AnnotationError(f"{name} must hold a list of videos.")
            for index, entry in enumerate(entries):
                where = f"{name}, entry {index}"
                video_id = field(entry, "videoID", str, where)
                if not _CLIP.fullmatch(video_id):
                    raise AnnotationError(
                        f"{where}: videoID {video_id!r} is not of the form "
                        "<YouTube id>_<start>_<end> with six digits each."
                    )
                stem, start, end = self.layout.place(video_id)
                uri = videos.find(stem)
                record = VideoRecord(video_id, uri, split, (), "", start, end)
                corpus.add(record, where)
                if "enCap" not in entry and split == "test":
                    continue
                for caption in field(entry, "enCap", list, where):
                    if not isinstance(caption, str):
                        raise AnnotationError(
                            f"{where}: 'enCap' must hold strings, not {caption!r}."
                        )
                    corpus.caption(video_id, caption, where)
        return corpus.records(*self.files.values())
