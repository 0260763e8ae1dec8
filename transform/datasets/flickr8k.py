"""Flickr8k, photographs with five captions each (Hodosh et al., 2013)."""

from __future__ import annotations

from collections.abc import Iterator
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

_LISTS: dict[Split, str] = {"train": "train", "val": "dev", "test": "test"}


class Flickr8k(Config):
    """Lines of `<photograph>.jpg#<n>`, a tab and a sentence, and three lists of names.

    So `Flickr8k_text` is published. Photographs that no list names are left out, as
    about 90 are of 8,091. Theirs is a folder of its own, seen from the captions.
    """

    kind: Literal["flickr8k"] = "flickr8k"
    captions: Location = Location("Flickr8k.token.txt")  # names, tabs and sentences
    # the lists of names, with train, dev or test in place of {split}
    lists: str = "Flickr_8k.{split}Images.txt"
    photographs: Location = Location("Flicker8k_Dataset")  # so it is spelled there

    def read(self) -> list[VideoRecord]:
        """Returns the photographs of the lists, split by split."""
        photographs = VideoFiles(self.captions.beside(self.photographs), ".jpg")
        corpus = RecordCollector()
        listed = set()
        for split, name in _LISTS.items():
            path = self.captions.beside(self.lists.format(split=name))
            for where, line in numbered_lines(path):
                photograph = line.strip().removesuffix(".jpg")
                listed.add(photograph)
                uri = photographs.find(photograph)
                corpus.add(VideoRecord(photograph, uri, split, ()), where)
        for photograph, sentence, where in self._sentences():
            if photograph in listed:
                corpus.caption(photograph, sentence, where)
        return corpus.records(self.captions)

    def _sentences(self) -> Iterator[tuple[str, str, str]]:
        for where, line in numbered_lines(self.captions):
            name, tab, sentence = line.partition("\t")
            photograph, number, _ = name.rpartition("#")
            if not (tab and number):
                raise AnnotationError(
                    f"{where}: a photograph's name, # and a number, a tab and a "
                    "sentence are expected."
                )
            yield photograph.removesuffix(".jpg"), sentence, where
