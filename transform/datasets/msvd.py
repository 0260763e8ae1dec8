"""MSVD, the Microsoft Research video description corpus (Chen and Dolan, 2011)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Union

from transform.common.config import BY_KIND, Config
from transform.common.location import Location
from transform.datasets.video_files import VideoFiles
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    Split,
    VideoRecord,
    numbered_lines,
    table_rows,
)

_NUMBER = re.compile("[0-9]{1,9}")
_log = logging.getLogger(__name__)


class CorpusCsv(Config):
    """The official table: VideoID, Start, End, …, Language, Description.

    Rows in other languages than `language` are skipped. The clip is called
    <VideoID>_<Start>_<End>.
    """

    kind: Literal["csv"] = "csv"
    file: Location  # path of the annotation file
    language: str = "English"  # rows in other languages are passed over

    def sentences(self) -> Iterator[tuple[str, str, str]]:
        """Yields (clip name, sentence, where) for each row."""
        needed = ("VideoID", "Start", "End", "Language", "Description")
        for where, row in table_rows(self.file, needed):
            if row["Language"] == self.language:
                clip = f"{row['VideoID']}_{row['Start']}_{row['End']}"
                yield clip, row["Description"], where


class SentenceFile(Config):
    """Lines of `vidN`, a tab, a sentence: the tokenised form that most papers use."""

    kind: Literal["sentences"] = "sentences"
    file: Location  # path of the annotation file

    def sentences(self) -> Iterator[tuple[str, str, str]]:
        """Yields (vidN, sentence, where) for each line."""
        for where, line in numbered_lines(self.file):
            video, tab, sentence = line.partition("\t")
            if not tab:
                raise AnnotationError(
                    f"{where}: a video's name, a tab and a sentence are expected."
                )
            yield video.strip(), sentence, where


class Msvd(Config):
    """MSVD in either of its forms, with the customary 1,200 / 100 / 670 split.

    `mapping` holds lines of a clip's name (<YouTube id>_<start>_<end>) and its number
    (`vid1` to `vid1970`); the number decides the split and is the record's id. Clips
    that only one of the two names are left out: the official table has some 2,090, and
    part of the corpus can be read. They lie at `videos`/<clip name><extension>, seen
    from the mapping, and are distributed cut: the seconds in a name count in the
    original video.
    """

    kind: Literal["msvd"] = "msvd"
    # the official table, or lines of sentences
    captions: Annotated[Union[CorpusCsv, SentenceFile], BY_KIND]
    mapping: Location  # lines of a clip's name and vidN
    videos: Location = Location("videos")  # folder of the clips' files
    extension: str = ".avi"  # usual ending of the clips' file names; others are found
    # numbers of train, val and test clips
    splits: tuple[int, int, int] = (1200, 100, 670)

    def read(self) -> list[VideoRecord]:
        """Returns the clips that have sentences, in the order of their numbers."""
        numbers, clips = self._clips()
        videos = VideoFiles(self.mapping.beside(self.videos), self.extension)
        captions: dict[int, list[tuple[str, str]]] = {}
        unmapped: dict[str, str] = {}  # with where it stands
        for name, sentence, where in self.captions.sentences():
            if name in numbers:
                captions.setdefault(numbers[name], []).append((sentence, where))
            else:
                unmapped.setdefault(name, where)
        if unmapped:
            [(name, where), *_] = unmapped.items()
            lost = f"{len(unmapped):,} of {len(unmapped) + len(captions):,} clips"
            if not captions:
                raise AnnotationError(
                    f"{where}: {self.mapping} has no video {name!r}, nor any other of "
                    f"the {len(unmapped):,} clips of {self.captions.file}."
                )
            _log.warning(
                "%s of %s are not in %s and are left out; the first is %s.",
                *(lost, self.captions.file, self.mapping, name),
            )
        corpus = RecordCollector()
        for number, sentences in sorted(captions.items()):
            clip, where = clips[number]
            uri = videos.find(clip)
            video_id = f"vid{number}"
            split = self._split(number, where)
            corpus.add(VideoRecord(video_id, uri, split, ()), where)
            for sentence, place in sentences:
                corpus.caption(video_id, sentence, place)
        return corpus.records(self.captions.file)

    def _clips(self) -> tuple[dict[str, int], dict[int, tuple[str, str]]]:
        """Returns numbers by either name, and (clip name, where) by number."""
        numbers: dict[str, int] = {}
        clips: dict[int, tuple[str, str]] = {}
        for where, line in numbered_lines(self.mapping):
            clip, *rest = line.split()
            video = rest[0] if len(rest) == 1 else ""
            number = video.removeprefix("vid")
            if not (_NUMBER.fullmatch(number) and video.startswith("vid")):
                raise AnnotationError(
                    f"{where}: a clip's name and its number (as in vid12) are expected."
                )
            if clip in numbers or int(number) in clips:
                raise AnnotationError(f"{where}: {line.strip()!r} is there twice.")
            numbers[clip] = numbers[video] = int(number)
            clips[int(number)] = clip, where
        return numbers, clips

    def _split(self, number: int, where: str) -> Split:
        train, val, test = self.splits
        if 1 <= number <= train:
            return "train"
        if train < number <= train + val:
            return "val"
        if train + val < number <= train + val + test:
            return "test"
        raise AnnotationError(
            f"{where}: vid{number} lies outside the splits, which end at "
            f"vid{sum(self.splits)}."
        )
