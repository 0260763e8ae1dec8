"""The recipe "Add a dataset" of CONTRIBUTING.md, and a format that stays outside."""

import pathlib
from typing import Literal

import pytest

from tests.support.source_copy import SourceCopy
from transform import datasets
from transform.common.config import Config
from transform.datasets import AnnotationError, VideoRecord
from transform.datasets.video_record import RecordCollector, numbered_lines
from transform.jobs.data_digest import data_digest

MODULE = pathlib.Path("transform", "datasets", "subtitles.py")
UNION = pathlib.Path("transform", "datasets", "__init__.py")
IMPORT = "from transform.datasets.vatex import "
MEMBERS = "    Union[Jsonl, "
HEADER = '''\
"""One caption a line: `<file without extension>|<caption>`, all to train on."""

from __future__ import annotations

import pathlib
from typing import Literal

from transform.common.config import Config
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    VideoRecord,
    numbered_lines,
)


'''

FILE = "cat|a cat sleeps\n\ndog|a dog runs\ncat|it  purrs\n"
CLIPS = [("cat", ("a cat sleeps", "it purrs")), ("dog", ("a dog runs",))]


# subtitles.py begins here
class Subtitles(Config):
    """Lines of a clip's name and a caption, with the clips beside the file."""

    kind: Literal["subtitles"] = "subtitles"
    file: str

    def read(self) -> list[VideoRecord]:
        """Returns all clips, in the order of their first lines."""
        path = pathlib.Path(self.file)
        collector = RecordCollector()
        for where, line in numbered_lines(path):
            clip, bar, caption = line.partition("|")
            if not bar:
                raise AnnotationError(f"{where}: a clip, | and a caption are expected.")
            if clip not in collector:
                uri = str(path.parent / f"{clip}.mp4")
                collector.add(VideoRecord(clip, uri, "train", ()), where)
            collector.caption(clip, caption, where)
        return collector.records(self.file)


# subtitles.py ends here


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to which the format was added as the recipe says."""
    copy = SourceCopy(tmp_path_factory.mktemp("source"), "transform")
    source = pathlib.Path(__file__).read_text()
    _, _, source = source.partition("\n# subtitles.py begins here\n")
    source, _, _ = source.partition("\n# subtitles.py ends here\n")
    copy.add(MODULE, HEADER + source)
    copy.replace(
        UNION,
        {
            MEMBERS: f"{MEMBERS}Subtitles, ",
            IMPORT: f"from transform.datasets.subtitles import Subtitles\n{IMPORT}",
        },
    )
    return copy


@pytest.fixture
def annotations(tmp_path):
    path = tmp_path / "captions.txt"
    path.write_text(FILE)
    return path


def test_a_dataset_of_ones_own_is_read_without_a_change_here(annotations):
    records = datasets.read(Subtitles(file=str(annotations)))
    assert [(record.video_id, record.captions) for record in records] == CLIPS
    assert records[0].uri == str(annotations.with_name("cat.mp4"))
    digest = data_digest(Subtitles(file=str(annotations)).read())
    annotations.write_text(FILE + "cat|it wakes\n")
    assert data_digest(Subtitles(file=str(annotations)).read()) != digest


def test_an_error_names_the_file_and_the_line(annotations):
    annotations.write_text("cat|a cat\ndog\n")
    with pytest.raises(AnnotationError, match=r"captions\.txt, line 2: a clip, \|"):
        datasets.read(Subtitles(file=str(annotations)))


def test_a_dataset_is_one_new_file_and_one_member_of_the_union(copy):
    assert copy.changed() == {MODULE, UNION}
    assert copy.added_lines(UNION) == 1  # the import


def test_a_configuration_file_names_the_dataset_by_its_kind(copy, annotations):
    settings = annotations.with_name("records.yaml")
    settings.write_text(
        f"corpus: {{kind: subtitles, file: '{annotations}'}}\n"
        "features: {features: [{kind: flow}]}\n"
    )
    program = f"""
import transform
from transform import datasets
from transform.jobs.records_config import RecordsConfig

assert transform.__path__[0].startswith({str(copy.folder)!r})
config = RecordsConfig.from_yaml({str(settings)!r})
clips = [(clip.video_id, clip.captions) for clip in datasets.read(config.corpus)]
assert clips == {CLIPS!r}
"""
    copy.run(program)
