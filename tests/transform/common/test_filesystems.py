import subprocess
import sys
import threading
import time

import pytest

from tests.support import buckets
from transform.common import filesystems
from transform.common.location import LocationError

pytest.importorskip("tensorflow_io")

# Each line of its output is one sentence, and how long it took.
PROBE = """
import os, sys, time
from transform.common import filesystems
filesystems.ANSWER_SECONDS = 4.0
filesystems.register(["s3://bucket"])
from transform.common import outputs, storage
for call in (outputs.require_folder, storage.names_in):
    began = time.monotonic()
    try:
        print("no error", call("s3://bucket/models"))
    except Exception as error:
        print(type(error).__name__, error, "|", time.monotonic() - began)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setenv("KINESCRIBE_S3", "")  # so that what a test sets is undone


def test_only_a_command_that_names_s3_waits_for_it(tmp_path, monkeypatch):
    imported = []
    monkeypatch.setattr(filesystems, "inherit", lambda: imported.append(1) or True)
    named = tmp_path / "run.yaml"
    named.write_text("push_to: s3://bucket/models\n")
    other = tmp_path / "other.yaml"
    other.write_text("push_to: gs://bucket/models\n")
    filesystems.register(["run", str(other), str(tmp_path / "absent.yaml")])
    assert not filesystems.is_registered()
    filesystems.register(["run", str(named)])
    assert filesystems.is_registered()


def test_a_place_that_never_answers_is_one_sentence_in_time():
    never = threading.Event()
    began = time.monotonic()
    with pytest.raises(
        LocationError, match="has not answered for 0 s; look at the net"
    ):
        filesystems.answered("s3://bucket", never.wait, seconds=0.2)
    assert time.monotonic() - began < 5
    never.set()


def test_what_a_place_answers_comes_through():
    assert filesystems.answered("s3://bucket", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        filesystems.answered("s3://bucket", lambda: 1 // 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "words"),
    [(403, "Permission denied"), (500, ""), (None, "has not answered for 4 s")],
)
def test_a_bucket_that_refuses_fails_or_is_silent_is_one_sentence_each(answer, words):
    with buckets.refusing(answer) as environment:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROBE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        sentence, _, seconds = line.rpartition(" | ")
        assert sentence.startswith(
            ("OutputError nothing can be", "LocationError cannot")
        )
        assert "s3://bucket/models" in sentence
        assert words in sentence
        assert float(seconds) < 8
