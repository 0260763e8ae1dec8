"""VATEX's JSON files (Wang et al., 2019)."""

from __future__ import annotations

import pathlib
import re
from typing import Literal

from transform.annotations.corpus import (
    AnnotationError,
    Corpus,
    Split,
    VideoRecord,
    field,
    read_json,
)
from transform.config import Config

_CLIP = re.compile(r".+_\d{6}_\d{6}")


class Vatex(Config):
    """Lists of `{"videoID": <YouTube id>_<start>_<end>, "enCap": [...]}`, one a split.

    The clips lie at `videos`/<videoID><extension>, seen from each split's file, cut as
    the name says. The Chinese captions (`chCap`) are not read; the private test file
    has no captions at all, which is allowed for the test split.
    """

    kind: Literal["vatex"] = "vatex"
    files: dict[Split, str]
    videos: str = "videos"
    extension: str = ".mp4"

    def read(self) -> list[VideoRecord]:
        """The clips of all splits."""
        corpus = Corpus()
        for split, name in self.files.items():
            path = pathlib.Path(name)
            entries = read_json(path)
            if not isinstance(entries, list):
                raise AnnotationError(f"{path} must hold a list of videos.")
            for index, entry in enumerate(entries):
                where = f"{path}, entry {index}"
                video_id = field(entry, "videoID", str, where)
                if not _CLIP.fullmatch(video_id):
                    raise AnnotationError(
                        f"{where}: videoID {video_id!r} is not of the form "
                        "<YouTube id>_<start>_<end> with six digits each."
                    )
                uri = path.parent / self.videos / f"{video_id}{self.extension}"
                corpus.add(VideoRecord(video_id, str(uri), split, ()), where)
                if "enCap" not in entry and split == "test":
                    continue
                for caption in field(entry, "enCap", list, where):
                    if not isinstance(caption, str):
                        raise AnnotationError(
                            f"{where}: 'enCap' must hold strings, not {caption!r}."
                        )
                    corpus.caption(video_id, caption, where)
        return corpus.records(*self.files.values())
