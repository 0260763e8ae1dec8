import subprocess
import sys

from serving.web.media_types import media_type
from serving.web.working_folder import WorkingFolder


def test_files_are_gone_afterwards_and_the_folder_with_its_process(tmp_path):
    folder = WorkingFolder(str(tmp_path))
    with folder.file() as path:
        path.write_bytes(b"x")
        assert folder.files() == [path.name]
    assert folder.files() == []
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_others_have_is_not(tmp_path):
    program = (
        "import os, sys; from serving.web.working_folder import WorkingFolder;"
        "folder = WorkingFolder(sys.argv[1]); path = folder.path / 'upload';"
        "path.write_bytes(b'x'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert killed.returncode == -9
    assert len(list(tmp_path.glob("*/upload"))) == 1
    living = WorkingFolder(str(tmp_path))
    other = WorkingFolder(str(tmp_path))
    assert {living.path, other.path} == set(tmp_path.iterdir())
    living.close()
    other.close()


def test_media_are_told_by_their_first_bytes():
    assert media_type(b"\x00\x00\x00\x18ftypmp42") == "video/mp4"
    assert media_type(b"RIFF\x00\x00\x00\x00AVI LIST") == "video/x-msvideo"
    assert media_type(b"RIFF\x00\x00\x00\x00WAVEfmt ") is None
    assert media_type((b"G" + bytes(187)) * 2 + b"G") == "video/mp2t"
    assert media_type(b"G" + bytes(400)) is None
    assert media_type(b"#EXTM3U\n") is None
    assert media_type(b"") is None
