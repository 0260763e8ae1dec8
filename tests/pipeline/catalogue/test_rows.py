import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue import rows
from transform.common.errors import KinescribeError
from transform.common.location import Location

# Whatever people write, with what breaks naive readers: quotes, delimiters, newlines.
TEXT = st.text(
    st.one_of(
        st.sampled_from("\",;\t\r\n'\\ "),
        st.characters(blacklist_categories=("Cs", "Cc")),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


def one_line(text):
    return " ".join(text.split())


@settings(deadline=None)
@given(
    texts=st.lists(TEXT, min_size=1, max_size=4),
    delimiter=st.sampled_from(",;\t"),
    newline=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_a_table_gives_back_every_caption(folder, texts, delimiter, newline, mark):
    table = io.StringIO(newline="")
    writer = csv.writer(
        table, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL
    )
    writer.writerow(["Filename", "Sentence"])
    writer.writerows(("a.mp4", text) for text in texts)
    path = Location(folder / "clips.csv")
    encoding = "utf-8-sig" if mark else "utf-8"
    (folder / "clips.csv").write_bytes(table.getvalue().encode(encoding))
    found = rows.read(path)
    assert [row.video for row in found] == [path.beside("a.mp4")] * len(texts)
    wanted = [(one_line(text),) if one_line(text) else () for text in texts]
    assert [row.captions for row in found] == wanted


@settings(deadline=None)
@given(texts=st.lists(TEXT, max_size=4), newline=st.sampled_from(["\n", "\r\n"]))
def test_json_lines_give_back_every_caption(folder, texts, newline):
    lines = [{"video": "a.mp4", "captions": texts}, {"image": "b.png", "text": "a b"}]
    path = folder / "clips.jsonl"
    path.write_bytes(newline.join(map(json.dumps, lines)).encode())
    first, second = rows.read(Location(path))
    assert first.captions == tuple(filter(None, map(one_line, texts)))
    assert (second.video, second.captions) == (str(folder / "b.png"), ("a b",))


@settings(deadline=None)
@given(data=st.binary(max_size=60), ending=st.sampled_from(rows.LISTS))
def test_any_bytes_are_rows_or_one_sentence(folder, data, ending):
    path = folder / f"any{ending}"
    for start in (b"", b"video,caption\n", b'{"video": "a", "caption": "b"}\n'):
        path.write_bytes(start + data)
        try:
            found = rows.read(Location(path))
        except KinescribeError as error:
            assert str(error).endswith(".") and str(path) in str(error)
        else:
            assert all(row.video for row in found)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("file,words\na.mp4,b\n", "there is no column 'caption', but file, words"),
        ("name,caption\na.mp4,b\n", "there is no column 'video', but name, caption"),
        ("video,caption\n", "lists no clip"),
        ("video,caption\n ,b\n", "line 2: the clip's file is not named"),
        ("video,caption,text\na,b,c\n", "line 2: 'caption' and 'text' both say"),
        ("Path,caption,file\na,b,c\n", "'Path' and 'file' .* its video: keep one"),
        ("video,caption,start\na.mp4,b,soon\n", "'soon' is no time in seconds"),
    ],
)
def test_what_a_list_lacks_is_named(tmp_path, text, part):
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(KinescribeError, match=part):
        rows.read(Location(tmp_path / "clips.csv"))


def test_text_of_another_encoding_is_one_sentence(tmp_path):
    (tmp_path / "clips.csv").write_bytes("video,caption\na,größer\n".encode("latin-1"))
    with pytest.raises(KinescribeError, match="not UTF-8 text"):
        rows.read(Location(tmp_path / "clips.csv"))


def test_a_folder_has_its_clips_with_the_text_files_beside_them(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("in/a.mp4", "b.JPG", "notes.md", ".hidden.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "a.txt").write_text("a cat\n\nthe cat sits\n")
    found = rows.read_folder(Location(tmp_path))
    assert [(row.video, row.captions) for row in found] == [
        (str(tmp_path / "b.JPG"), ()),
        (str(tmp_path / "in" / "a.mp4"), ("a cat", "the cat sits")),
    ]


def test_a_folder_with_a_list_also_has_the_clips_that_the_list_leaves_out(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "all.csv").write_text("video,caption\nb.mp4,a dog\n")
    found = rows.read_folder(Location(tmp_path))
    assert [(row.video[-5:], row.captions) for row in found] == [
        ("b.mp4", ("a dog",)),
        ("a.mp4", ()),
    ]
    (tmp_path / "more.tsv").touch()
    with pytest.raises(KinescribeError, match=r"all\.csv, more\.tsv: name the one"):
        rows.read_folder(Location(tmp_path))


def test_an_id_may_be_the_number_nought(tmp_path):
    (tmp_path / "clips.jsonl").write_text('{"id": 0, "video": "a", "caption": "b"}')
    [row] = rows.read(Location(tmp_path / "clips.jsonl"))
    assert row.video_id == "0"
