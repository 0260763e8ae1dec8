import csv
import io
import json
import pathlib
import re

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescribe.caption_outputs import CaptionFiles
from serving.client import caption_lines
from serving.client.caption_lines import CaptionLine
from transform.common.errors import KinescribeError

LINES = [
    CaptionLine("a.mp4", 0.0, 2.5, "a cat <sits>", 0.5),
    CaptionLine("a.mp4", 2.5, 3600.0004, "", 0.0, "no frame could be decoded"),
    CaptionLine("a.mp4", 3600.0, 3725.25, 'a "dog", then & a cat', 0.25),
]


def written(tmp_path, ending, lines=LINES):
    out = tmp_path / f"captions{ending}"
    with CaptionFiles(out, "", ["a.mp4"]) as files:
        for line in lines:
            files.write(line)
    assert files.written == [str(out)]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    return out.read_text()


def test_subrip_numbers_the_cues_that_have_a_caption(tmp_path):
    assert written(tmp_path, ".srt") == (
        "1\n00:00:00,000 --> 00:00:02,500\na cat <sits>\n\n"
        '2\n01:00:00,000 --> 01:02:05,250\na "dog", then & a cat\n\n'
    )


def test_webvtt_has_its_header_and_escapes(tmp_path):
    assert written(tmp_path, ".vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\na cat &lt;sits&gt;\n\n"
        '01:00:00.000 --> 01:02:05.250\na "dog", then &amp; a cat\n\n'
    )


def test_tables_keep_every_clip_with_its_error(tmp_path):
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, ".csv"))))
    assert [row["caption"] for row in rows] == [line.caption for line in LINES]
    assert rows[1]["error"] == "no frame could be decoded"


def test_json_lines_leave_out_what_is_lacking(tmp_path):
    first, second, _ = map(json.loads, written(tmp_path, ".jsonl").splitlines())
    assert first == {
        **{"clip": "a.mp4", "start": 0.0, "end": 2.5},
        **{"caption": "a cat <sits>", "confidence": 0.5},
    }
    assert "caption" not in second and second["error"] == LINES[1].error


def test_text_is_the_captions_alone(tmp_path):
    assert written(tmp_path, ".txt") == 'a cat <sits>\na "dog", then & a cat\n'


def test_chapters_are_lines_and_what_ffmpeg_reads(tmp_path):
    lines = [LINES[0]._replace(caption="a = b; c\\d #1"), LINES[2]]
    assert written(tmp_path, ".chapters", lines) == (
        '00:00:00 a = b; c\\d #1\n01:00:00 a "dog", then & a cat\n'
    )
    (tmp_path / "captions.chapters").unlink()
    text = written(tmp_path, ".ffmeta", lines)
    told = [line for line in text.splitlines() if line.startswith("title")]
    assert told == [r"title=a \= b\; c\\d \#1", 'title=a "dog", then & a cat']
    with av.open(io.BytesIO(text.encode()), format="ffmetadata") as read:
        assert [
            (each["start"], each["end"], each["metadata"]["title"])
            for each in read.chapters()
        ] == [(0, 2500, "a = b; c\\d #1"), (3600000, 3725250, lines[1].caption)]


def test_a_page_has_the_captions_as_alternative_texts(tmp_path):
    line = LINES[2]._replace(picture="data:image/jpeg;base64,AA==")
    assert (
        '<img src="data:image/jpeg;base64,AA==" '
        'alt="a &quot;dog&quot;, then &amp; a cat">'
    ) in written(tmp_path, ".html", [line])


def test_long_captions_are_broken_into_rows_of_subtitles():
    words = " ".join(["words"] * 15)
    text = caption_lines.to_text(".srt", [LINES[0]._replace(caption=words)])
    rows = text.splitlines()[2:-1]
    assert " ".join(rows) == words
    assert len(rows) == 3 and max(map(len, rows)) <= 42


@settings(deadline=None)
@given(st.floats(0, 3e5))
def test_a_clock_reads_as_the_seconds_that_it_was_given(seconds):
    match = re.fullmatch(
        r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})", caption_lines.clock(seconds)
    )
    hours, minutes, whole, thousandths = map(int, match.groups())
    read = 3600 * hours + 60 * minutes + whole + thousandths / 1000
    assert read == pytest.approx(seconds, abs=0.000501)


def test_a_folder_gets_a_file_a_clip(tmp_path):
    clips = ["a.mp4", "in/b.mp4"]
    with CaptionFiles(tmp_path / "out", ".srt", clips) as files:
        for clip in clips:
            files.write(LINES[0]._replace(clip=clip))
    assert files.written == [
        str(tmp_path / "out" / name) for name in ("a.srt", "b.srt")
    ]


def test_an_error_keeps_the_lines_so_far_and_the_old_file(tmp_path):
    out = tmp_path / "c.txt"
    out.write_text("old\n")
    with pytest.raises(ZeroDivisionError), CaptionFiles(out, "", ["a.mp4"]) as files:
        files.write(LINES[0])
        raise ZeroDivisionError
    assert out.read_text() == "old\n"
    assert (tmp_path / "c.txt.part").read_text() == "a cat <sits>\n"


def test_a_bucket_gets_whole_files_and_what_an_error_left():
    import tensorflow as tf

    with CaptionFiles("ram://out", ".txt", ["a.mp4"]) as files:
        files.write(LINES[0])
    with (
        pytest.raises(ZeroDivisionError),
        CaptionFiles("ram://out/b.txt", "", ["a.mp4"]) as files,
    ):
        files.write(LINES[2])
        raise ZeroDivisionError
    assert sorted(tf.io.gfile.listdir("ram://out")) == ["a.txt", "b.txt.part"]
    with tf.io.gfile.GFile("ram://out/b.txt.part") as file:
        assert file.read() == LINES[2].caption + "\n"


def test_a_clips_name_of_any_bytes_keeps_the_table_utf_8(tmp_path):
    clip = "caf\udce9.mp4"
    with CaptionFiles(tmp_path / "a.csv", "", [clip]) as files:
        files.write(LINES[0]._replace(clip=clip))
    assert "caf\\udce9.mp4,0.0" in (tmp_path / "a.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("out", "ending", "clips", "part"),
    [
        ("out", ".doc", ["a.mp4"], "no format 'doc'; there are srt, vtt, jsonl, csv"),
        ("out.srt", "", ["a.mp4", "b.mp4"], "subtitles of 2 videos: let --out name"),
        ("out", ".srt", ["x/a.mp4", "y/a.mp4"], "several clips of one name"),
    ],
)
def test_what_cannot_be_written_is_told_at_the_start(out, ending, clips, part):
    with pytest.raises(KinescribeError, match=part):
        CaptionFiles(pathlib.Path(out), ending, clips)
