"""ActivityNet Captions' JSON files (Krishna et al., 2017): segments of long videos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union

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


class RefuseSegments(Config):
    """Refuses a segment that does not end after it begins."""

    kind: Literal["refuse"] = "refuse"


class LeaveOutSegments(Config):
    """Leaves out a segment that does not end after it begins."""

    kind: Literal["leave_out"] = "leave_out"


class ActivityNet(Config):
    """`{<video's id>: {"duration", "timestamps": [[s, e], …], "sentences": […]}, …}`.

    Each segment is a clip of its own, <video's id>_<start>_<end> with hundredths of
    seconds. Segments of a split with the same times, in one file or in several such as
    `val_1.json` and `val_2.json`, are one clip with several captions. What reaches
    beyond the video's duration is cut off. `backwards` says what becomes of segments
    that do not end after they begin, of which the published files have a few.

    The videos lie at `videos`/<video's id><extension>, seen from each file.
    """

    kind: Literal["activitynet"] = "activitynet"
    files: dict[Split, tuple[Location, ...]]  # annotation files of each split
    videos: Location = Location("videos")  # folder of the clips' files
    extension: str = ".mp4"  # usual ending of the clips' file names; others are found
    # what to do with segments that end before they begin
    backwards: Annotated[Union[RefuseSegments, LeaveOutSegments], BY_KIND] = (
        RefuseSegments()
    )

    def read(self) -> list[VideoRecord]:
        """Returns the segments of all splits as clips."""
        corpus = RecordCollector()
        names = [name for files in self.files.values() for name in files]
        for split, files in self.files.items():
            seen: set[str] = set()
            for name in files:
                videos = VideoFiles(name.beside(self.videos), self.extension)
                for segment in _segments(name):
                    if segment.end <= segment.start:
                        if isinstance(self.backwards, LeaveOutSegments):
                            continue
                        raise AnnotationError(
                            f"{segment.where}: the segment from {segment.start:g} to "
                            f"{segment.end:g} s does not end after it begins; "
                            "`backwards: {kind: leave_out}` leaves such segments out."
                        )
                    clip = f"{segment.video}_{segment.start:.2f}_{segment.end:.2f}"
                    if clip not in seen:
                        uri = videos.find(segment.video)
                        record = VideoRecord(
                            clip, uri, split, (), "", segment.start, segment.end
                        )
                        corpus.add(record, segment.where)
                        seen.add(clip)
                    corpus.caption(clip, segment.sentence, segment.where)
        return corpus.records(*names)


class _Segment(NamedTuple):
    video: str
    start: float
    end: float
    sentence: str
    where: str


def _segments(path: Location) -> Iterator[_Segment]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise AnnotationError(f"{path} must hold an object with a key for each video.")
    for video, entry in data.items():
        where = f"{path}, {video}"
        if not video:
            raise AnnotationError(f"{where}: the video's id is empty.")
        duration = _seconds(field(entry, "duration", object, where), where)
        times = field(entry, "timestamps", list, where)
        sentences = field(entry, "sentences", list, where)
        if len(times) != len(sentences):
            raise AnnotationError(
                f"{where}: {len(times)} timestamps do not go with {len(sentences)} "
                "sentences."
            )
        for index, (span, sentence) in enumerate(zip(times, sentences, strict=True)):
            place = f"{where}, segment {index}"
            if not isinstance(span, list) or len(span) != 2:
                raise AnnotationError(
                    f"{place}: its timestamps must be [start, end], not {span!r}."
                )
            if not isinstance(sentence, str):
                raise AnnotationError(f"{place}: {sentence!r} is no sentence.")
            # Hundredths are what ids tell apart.
            start, end = (
                round(min(max(_seconds(at, place), 0.0), duration), 2) for at in span
            )
            yield _Segment(video, start, end, sentence, place)


def _seconds(value: Any, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not -1e9 < value < 1e9:
        raise AnnotationError(f"{where}: {value!r} is no number of seconds.")
    return float(value)
