import collections
import pathlib

import pytest

from tests.support.paths import SHARED
from transform import datasets
from transform.datasets import AnnotationError, CorpusCsv, Msvd, SentenceFile

REAL = SHARED / "captions"

MAPPING = "-4wsuPCjDBc_5_15 vid1\nid_with_under_scores_0_10 vid2\nzzit5b_-ukg_5_20 vid3"
CSV = """\
VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description
zzit5b_-ukg,5,20,1,clean,30,English,"A man, a plan, a canal."
zzit5b_-ukg,5,20,1,clean,30,Slovene,Mož teče.
-4wsuPCjDBc,5,15,2,unverified,30,English,A squirrel eats.
-4wsuPCjDBc,5,15,2,unverified,30,English,
zzit5b_-ukg,5,20,1,clean,30,English,"Two
lines."
"""
SENTENCES = "vid1\ta squirrel is eating\nvid2\ta man runs\n\nvid1\tit eats\n"


def _source(
    folder: pathlib.Path,
    kind: type = SentenceFile,
    text: str = SENTENCES,
    mapping: str = MAPPING,
    **changes,
) -> Msvd:
    (folder / "captions").write_text(text)
    (folder / "mapping.txt").write_text(mapping)
    return Msvd(
        captions=kind(file=str(folder / "captions")),
        mapping=str(folder / "mapping.txt"),
        **{"splits": (1, 1, 1), **changes},
    )


def test_the_official_table_gives_its_english_sentences(tmp_path) -> None:
    first, third = datasets.read(_source(tmp_path, CorpusCsv, CSV))
    assert first == datasets.VideoRecord(
        "vid1",
        str(tmp_path / "videos" / "-4wsuPCjDBc_5_15.avi"),
        "train",
        ("A squirrel eats.",),
        "",
        None,  # the clip is distributed cut
        None,
    )
    assert (third.video_id, third.split) == ("vid3", "test")
    assert third.captions == ("A man, a plan, a canal.", "Two lines.")


def test_another_language_can_be_read(tmp_path) -> None:
    source = _source(tmp_path, CorpusCsv, CSV)
    slovene = source.override({"captions": {"language": "Slovene"}})
    assert [record.captions for record in slovene.read()] == [("Mož teče.",)]


def test_numbered_sentences_are_joined_and_split(tmp_path) -> None:
    records = _source(tmp_path, extension=".mp4", videos="clips").read()
    assert [record.video_id for record in records] == ["vid1", "vid2"]
    assert [record.split for record in records] == ["train", "val"]
    assert records[0].captions == ("a squirrel is eating", "it eats")
    assert records[1].uri == str(tmp_path / "clips" / "id_with_under_scores_0_10.mp4")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text": "vid1 no tab"}, r"captions, line 1: a video's name, a tab and a"),
        ({"text": "vid9\tx"}, r"captions, line 1: .*mapping\.txt has no video 'vid9'"),
        ({"text": "\n"}, r"no video is listed in .*captions"),
        ({"text": "vid1\t "}, r"video 'vid1' of the train split has no caption"),
        ({"mapping": "a_0_1 12"}, r"mapping\.txt, line 1: a clip's name and its num"),
        ({"mapping": "a_0_1 b vid1"}, r"mapping\.txt, line 1: a clip's name and its"),
        (
            {"mapping": "a_0_1 vid1\nb_0_1 vid1"},
            r"line 2: 'b_0_1 vid1' is there twice",
        ),
        (
            {"splits": (1, 0, 0)},
            r"mapping\.txt, line 2: vid2 lies outside the splits, which end at vid1",
        ),
        (
            {"kind": CorpusCsv, "text": "VideoID,Start,End,Language\n"},
            r"captions has no column Description",
        ),
        (
            {
                "kind": CorpusCsv,
                "text": CSV.splitlines()[0] + "\nzzit5b_-ukg,5,20,1\n",
            },
            r"captions, line 2: the row has 4 cells, but there are 8 columns",
        ),
    ],
)
def test_mistakes_are_one_sentence_with_their_line(tmp_path, changes, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        _source(tmp_path, **changes).read()


@pytest.mark.skipif(
    not REAL.is_dir(), reason="real annotations (../shared/data/captions) are absent"
)
def test_the_real_corpus_is_read_whole() -> None:
    mapping = str(REAL / "youtube_mapping.txt")
    whole = Msvd(
        captions=SentenceFile(file=str(REAL / "msvd_all.txt")), mapping=mapping
    )
    records = whole.read()
    splits = collections.Counter(record.split for record in records)
    assert splits == {"train": 1200, "val": 100, "test": 670}
    assert sum(len(record.captions) for record in records) == 80_827

    part = Msvd(
        captions=CorpusCsv(file=str(REAL / "SGN_MSVD_val.csv")), mapping=mapping
    )
    official = {record.video_id: record for record in part.read()}
    assert len(official) == 100
    assert {record.split for record in official.values()} == {"val"}
    assert official["vid1201"].uri.endswith("/videos/bQJQGoJF7_k_162_169.avi")
    assert official["vid1201"].captions[0] == "A man is filling up a bag with meat."


def test_clips_that_the_mapping_lacks_are_left_out_and_counted(tmp_path, caplog):
    source = _source(tmp_path, text=SENTENCES + "vid8\ta cat\nvid9\ta dog\nvid9\tx\n")
    assert [record.video_id for record in source.read()] == ["vid1", "vid2"]
    [said] = caplog.messages
    assert said.startswith("2 of 4 clips of") and said.endswith("the first is vid8.")
