import json
import os
import pathlib
import subprocess
import sys

import pytest

from kinescribe import cli
from tests.support import clips


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kinescribe", "inspect", *arguments])
    monkeypatch.setattr(cli, "quiet_frameworks", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_a_good_clip_is_described(tmp_path, monkeypatch, capsys) -> None:
    path = clips.write(tmp_path / "a.mp4", 45, sound="aac")
    assert _run(monkeypatch, str(path)) == 0
    shown = capsys.readouterr().out
    for part in ("ok", "45", "1.50 s", "30.00 frames", "160 × 120", "h264", "aac"):
        assert part in shown


def test_json_holds_every_field(tmp_path, monkeypatch, capsys) -> None:
    path = clips.rotate(clips.write(tmp_path / "a.mov", 6, size=(120, 160)), 90)
    assert _run(monkeypatch, str(path), "--json") == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["clip"] == str(path)
    assert (seen["status"], seen["frames"], seen["rotation"]) == ("short", 6, 270)
    assert (seen["width"], seen["height"]) == (160, 120)
    assert seen["audio"] == ""


def test_a_part_can_be_inspected(tmp_path, monkeypatch, capsys) -> None:
    path = clips.write(tmp_path / "a.mp4", 60)
    code = _run(monkeypatch, str(path), "--start", "0.5", "--end", "1", "--json")
    assert code == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 15


def test_a_clip_is_short_of_the_key_frames_that_are_wanted(
    tmp_path, monkeypatch, capsys
) -> None:
    path = clips.write(tmp_path / "a.mp4", 10)
    for wanted, status in (("10", "ok"), ("11", "short")):
        assert _run(monkeypatch, str(path), "--frames", wanted, "--json") == 0
        assert json.loads(capsys.readouterr().out)["status"] == status


def test_a_bad_file_is_one_sentence_and_exit_code_one(
    tmp_path, monkeypatch, capsys
) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    assert _run(monkeypatch, str(path)) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"kinescribe: cannot decode {path}: it is neither a video nor a photograph of "
        "a known format.\n"
    )


def test_a_bad_file_is_json_and_exit_code_one(tmp_path, monkeypatch, capsys) -> None:
    assert _run(monkeypatch, str(tmp_path / "missing.mp4"), "--json") == 1
    seen = json.loads(capsys.readouterr().out)
    assert (seen["status"], seen["reason"]) == ("failed", "there is no such file")


def test_no_tensorflow_is_imported(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 3)
    script = (
        "import sys\n"
        f"sys.argv = ['kinescribe', 'inspect', {str(path)!r}]\n"
        "from kinescribe import cli\n"
        "try:\n"
        "    cli.main()\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 0, ended.code\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    root = pathlib.Path(cli.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
        stdout=subprocess.DEVNULL,
    )


def test_a_name_that_reads_as_markup_is_printed_as_it_is(
    tmp_path, monkeypatch, capsys
) -> None:
    path = clips.write(tmp_path / "[bold]x[e].mp4", 6)
    assert _run(monkeypatch, str(path)) == 0
    assert "[bold]x[e].mp4" in "".join(capsys.readouterr().out.split())
    assert _run(monkeypatch, str(tmp_path / "[red]no.mp4")) == 1
    assert "[red]no.mp4: there is no such file" in capsys.readouterr().err


def test_a_clip_in_a_bucket_is_looked_at(tmp_path, monkeypatch, capsys) -> None:
    path = clips.write(tmp_path / "a.mp4", 6)
    import tensorflow as tf

    tf.io.gfile.copy(str(path), "ram://inspected/a.mp4", overwrite=True)
    assert _run(monkeypatch, "ram://inspected/a.mp4", "--json") == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["clip"], seen["frames"]) == ("ram://inspected/a.mp4", 6)
    assert _run(monkeypatch, "ram://inspected/b.mp4") == 1
    said = capsys.readouterr().err
    assert "cannot decode ram://inspected/b.mp4: there is no such file." in said


def test_nothing_is_wrapped_where_nobody_looks(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 10)
    command = [sys.executable, "-m", "kinescribe", "inspect", str(path)]
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "short (10 frames, fewer than the 20 wanted)" in done.stdout
