import pathlib

import pytest

from transform import datasets
from transform.datasets import AnnotationError, CsvTable

HEADER = "id,video,split,caption,category,start,end\n"


def _source(folder: pathlib.Path, text: str, **settings) -> CsvTable:
    path = folder / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return CsvTable(file=str(path), **settings)


def test_rows_of_one_clip_are_its_captions(tmp_path) -> None:
    source = _source(
        tmp_path,
        HEADER
        + 'a,a.mp4,train,"a dog, running",animals,1,2.5\n'
        + "b,/data/b.mp4,test,,,,\n\n"
        + "a,a.mp4,train,the dog runs,animals,1,2.5\n",
    )
    first, second = datasets.read(source)
    assert first == datasets.VideoRecord(
        "a",
        str(tmp_path / "a.mp4"),
        "train",
        ("a dog, running", "the dog runs"),
        "animals",
        1.0,
        2.5,
    )
    assert second == datasets.VideoRecord(
        "b", "/data/b.mp4", "test", (), "", None, None
    )


def test_columns_stand_in_any_order_and_delimiters_differ(tmp_path) -> None:
    text = "caption;split; id;video\r\nein Hund, er rennt;val;a;a.mp4\r\n"
    [record] = _source(tmp_path, "\ufeff" + text, delimiter=";").read()
    assert record.captions == ("ein Hund, er rennt",)
    assert (record.video_id, record.split) == ("a", "val")


def test_blanks_around_names_and_cells_do_not_count(tmp_path) -> None:
    text = "id, video ,split, caption\r\na, /clips/a.mp4 , val, a dog \r\n"
    wanted = datasets.VideoRecord("a", "/clips/a.mp4", "val", ("a dog",))
    assert _source(tmp_path, text).read() == [wanted]


def test_clips_that_have_only_features_need_no_video(tmp_path) -> None:
    table = _source(tmp_path, "id,split,caption\na,val,a dog\n").read()
    lines = tmp_path / "clips.jsonl"
    lines.write_text('{"id": "a", "split": "val", "captions": ["a dog"]}')
    wanted = [datasets.VideoRecord("a", "", "val", ("a dog",))]
    assert table == datasets.Jsonl(file=str(lines)).read() == wanted


def test_further_columns_become_labels_where_they_are_named(tmp_path) -> None:
    text = "id,split,caption,source\na,val,a dog,phone\nb,val,a cat, \n"
    source = _source(tmp_path, text)
    with pytest.raises(AnnotationError, match="unknown column 'source'"):
        source.read()
    labelled = source.replace(labels=("source",))
    assert [record.labels for record in labelled.read()] == [("source=phone",), ()]
    with pytest.raises(AnnotationError, match="has no column camera"):
        source.replace(labels=("source", "camera")).read()
    other = _source(tmp_path, text + "a,val,a brown dog,film\n", labels=("source",))
    with pytest.raises(AnnotationError, match="'a' has another labels"):
        other.read()


ROW = "a,a.mp4,train,a dog,animals,1,2\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"clips\.csv has no column id, split, caption, but none at all"),
        ("id,video,caption\n", r"no column split, but id, video, caption\.$"),
        ("id,video,split,caption,id\n", r"has two columns of the same name"),
        (
            "id,video,split,caption,labels\na,a,val,x,y\n",
            r"has the unknown column 'labels'; there are id, .*; corpus.labels names",
        ),
        (HEADER, r"no video is listed in .*clips\.csv"),
        (HEADER + "a,a.mp4,train\n", r"line 2: the row has 3 cells, but there are 7"),
        (HEADER + ROW.replace("train", "dev"), r"line 2: split 'dev' is unknown"),
        (HEADER + ROW.replace("a dog", " "), r"'a' of the train split has no caption"),
        (HEADER + ROW[1:], r"line 2: the video's id is empty"),
        (
            HEADER + ROW + ROW.replace("a.mp4", "b.mp4"),
            r"line 3: video 'a' has another uri than in the rows before",
        ),
        (
            HEADER + ROW + ROW.replace("train", "val"),
            r"line 3: video 'a' has another split than in the rows before",
        ),
        (
            HEADER + ROW.replace("1", "0:01"),
            r"line 2: start must be a number of seconds, not '0:01'",
        ),
        (HEADER + ROW.replace("1", "-1"), r"line 2: -1\.0 is no time, in seconds"),
        (HEADER + ROW.replace("2\n", "nan\n"), r"line 2: nan is no time, in seconds"),
        (HEADER + ROW.replace("1", "2"), r"video 'a' ends at 2 s, before it begins"),
        (HEADER + "a\0,a,val,x,,,\n", r"line 2: not a valid CSV file|holds a NUL"),
    ],
)
def test_mistakes_are_one_sentence_with_their_line(tmp_path, text, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence) as caught:
        _source(tmp_path, text).read()
    assert str(tmp_path / "clips.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('a,a.mp4,train,"a man waves\nb,b.mp4,train,a dog\nc,c.mp4,val,a cat', 2),
        ('a,a.mp4,train,a man\nb,b.mp4,train,"a dog\nc,c.mp4,val,"a cat"', 3),
        ('a,a.mp4,train,"a man waves”\nb,b.mp4,train,a dog', 2),
        ('a,a.mp4,train,"a man" runs\nb,b.mp4,train,a dog', 2),
        ('a,a.mp4,train,"a man\nb,b.mp4,val,a dog\nc,c.mp4,test,a ""cat"""', 2),
        ('a,a.mp4,train,"' + "a man\n" * 30_000, 2),
    ],
)
def test_an_open_quote_is_refused_where_it_begins(tmp_path, rows, line):
    (tmp_path / "a.csv").write_text("id,video,split,caption\n" + rows)
    with pytest.raises(AnnotationError, match=rf"a\.csv, line {line}: .*\"") as raised:
        CsvTable(file=str(tmp_path / "a.csv")).read()
    assert len(str(raised.value)) < 300 + len(str(tmp_path))


def test_a_caption_may_have_lines_and_quotes(tmp_path):
    rows = 'a,a.mp4,train,"a ""man"",\na, dog, and, more"\nb,b.mp4,train,"x"\n'
    (tmp_path / "a.csv").write_text("id,video,split,caption\n" + rows)
    records = CsvTable(file=str(tmp_path / "a.csv")).read()
    assert [r.captions for r in records] == [('a "man", a, dog, and, more',), ("x",)]
