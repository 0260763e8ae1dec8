"""MSR-VTT's `videodatainfo` files (Xu et al., 2016)."""

from __future__ import annotations

import pathlib
from typing import Any, Literal

from transform.annotations.corpus import (
    AnnotationError,
    Corpus,
    VideoRecord,
    field,
    read_json,
    split_named,
)
from transform.config import Config
from transform.msrvtt_categories import MSRVTT_CATEGORIES


class Msrvtt(Config):
    """`{"videos": [...], "sentences": [...]}`, in one file or several.

    The clips lie at `videos`/<video_id><extension>, seen from the annotation file. They
    are distributed cut, so that `start time` and `end time`, which count in the video
    that they were cut from, are not used. Categories may be numbers, named by
    `categories`, or names.
    """

    kind: Literal["msrvtt"] = "msrvtt"
    files: tuple[str, ...]
    videos: str = "videos"
    extension: str = ".mp4"
    categories: tuple[str, ...] = MSRVTT_CATEGORIES

    def read(self) -> list[VideoRecord]:
        """All clips of all files."""
        corpus = Corpus()
        for name in self.files:
            path = pathlib.Path(name)
            data = read_json(path)
            for index, video in enumerate(field(data, "videos", list, str(path))):
                where = f"{path}, videos[{index}]"
                video_id = field(video, "video_id", str, where)
                record = VideoRecord(
                    video_id,
                    str(path.parent / self.videos / f"{video_id}{self.extension}"),
                    split_named(field(video, "split", str, where), where),
                    (),
                    self._category(video.get("category", ""), where),
                )
                corpus.add(record, where)
            sentences = field(data, "sentences", list, str(path))
            for index, sentence in enumerate(sentences):
                where = f"{path}, sentences[{index}]"
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
