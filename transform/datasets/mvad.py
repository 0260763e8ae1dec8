"""M-VAD, the Montreal video annotation dataset (Torabi et al., 2015)."""

from __future__ import annotations

from typing import Literal

from transform.common.config import Config
from transform.common.location import Location
from transform.datasets.video_files import VideoFiles
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    Split,
    VideoRecord,
    numbered_lines,
)


class Mvad(Config):
    """Lines of a clip's name, a tab and its description: `corpus_M-VAD_<split>.txt`.

    A clip is called <MOVIE>_DVS<number> and lies at
    `videos`/<MOVIE>/<clip><extension>, seen from the split's file. A further line with
    the same name adds a caption to the clip.
    """

    kind: Literal["mvad"] = "mvad"
    files: dict[Split, Location]  # the annotation file of each split
    videos: Location = Location("video")  # folder of the clips' files
    extension: str = ".avi"  # usual ending of the clips' file names; others are found

    def read(self) -> list[VideoRecord]:
        """Returns the clips of all splits; `category` is the movie."""
        corpus = RecordCollector()
        seen: dict[str, Split] = {}
        videos: dict[Location, VideoFiles] = {}  # by folder
        for split, name in self.files.items():
            for where, line in numbered_lines(name):
                clip, _, description = (part.strip() for part in line.partition("\t"))
                movie, _, number = clip.rpartition("_DVS")
                if not (movie and number.isdecimal()):
                    raise AnnotationError(
                        f"{where}: a name of the form <MOVIE>_DVS<number>, a tab and a "
                        f"description are expected; received {line.strip()[:60]!r}."
                    )
                if seen.setdefault(clip, split) != split:
                    raise AnnotationError(
                        f"{where}: clip {clip} is in the {seen[clip]} split already."
                    )
                if clip not in corpus:
                    folder = name.beside(self.videos) / movie
                    files = VideoFiles(folder, self.extension)
                    uri = videos.setdefault(folder, files).find(clip)
                    corpus.add(VideoRecord(clip, uri, split, (), movie), where)
                corpus.caption(clip, description, where)
        return corpus.records(*self.files.values())
