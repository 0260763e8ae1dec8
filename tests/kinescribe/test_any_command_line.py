"""Whatever is typed, wherever it is typed: never a trace, never a hang.

Every command gets odd names, files of odd bytes and an odd environment, in this
process; what only another can show is in `test_any_process.py`.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kinescribe import cli, starter_model
from tests.support import clips

SECONDS = 120  # for one command, on a machine with much else to do
CODES = {0, 1, 2, 3, 4}  # done, failed, wrong usage, refused, stopped by data

NAMES = st.sampled_from(
    [
        "clip.mp4",
        "file.json",
        "good.yaml",
        "odd.yaml",
        "clips.yaml",
        "pushed",
        "folder",
        "absent",
        "",
        " ",
        "x" * 300,
        "loop",
        "file.json/x",
        "folder [1]/x*",
        "-dash.mp4",
        "--",
        "caf\udce9.mp4",
        "ü é\n\t.mp4",
        "~",
        "~nobody/x",
        "$HOME",
        "file:///absent",
        "nosuch://bucket/x",
        "ram://bucket/x",
        "http://127.0.0.1:9/x",
        "/dev/null",
        "/dev/full",
        "/proc/x",
        "a=b",
        "[bold]x[/]",
    ]
)
NUMBERS = st.sampled_from("0 1 -1 1.5 nan inf 1e999 99999999999999999999 x".split())
WORDS = st.sampled_from(
    ["mgsa", "msvd", "nothing", "", "a=1", "training.seed=x", "training.x=[", "=", "é"]
)
FORMS: dict[str, list[str]] = {
    "demo": ["--root NAME --config NAME --train NUMBER", "--config absent.yaml"],
    "init": ["NAME --out NAME", "NAME NAME", "NAME --out new/x.yaml --seed NUMBER"],
    "check": ["NAME", "NAME --root NAME --json"],
    "schema": ["NAME", "NAME --out NAME"],
    "run": ["NAME --root NAME", "NAME --preset WORD --corpus WORD --set WORD"],
    "extract": ["NAME --out NAME --store NAME", "NAME --out NAME --workers NUMBER"],
    "import-features": ["NAME --out NAME --workers NUMBER"],
    "audio-words": ["NAME --out NAME --windows NUMBER --seed NUMBER"],
    "train": ["NAME --records NAME --out NAME", "--preset WORD --records NAME"],
    "fuse": ["a=NAME b=NAME --records NAME --out NAME", "NAME --out NAME"],
    "ensemble": ["a=NAME b=NAME --out NAME --weight WORD", "NAME --out NAME"],
    "evaluate": ["NAME NAME --out NAME --split WORD", "NAME NAME --fallback WORD"],
    "score": [
        "NAME NAME",
        "NAME NAME --metrics WORD --intervals --tokenizer WORD",
        "NAME NAME --against NAME --metrics BLEU-1",
        "NAME NAME --json",
    ],
    "serve": ["absent/x --host NAME --port NUMBER --metrics-port x"],
    "web": [
        "absent/x --server 127.0.0.1:9 --port NUMBER",
        "absent/x --port x --max-upload NUMBER",
        "--server 127.0.0.1:9 --token-file absent --port 0",
    ],
    "caption": [
        "NAME NAME --model NAME --attention NAME",
        "NAME --top-k NUMBER --start NUMBER",
        "NAME NAME --out NAME --segments NUMBER --format WORD",
        "NAME --server 127.0.0.1:9 --tls-ca absent",
    ],
    "describe": [
        "NAME --model NAME --every NUMBER --out NAME",
        "NAME --shortest NUMBER --longest NUMBER --format WORD",
    ],
    "explain": ["NAME --model NAME --out NAME", "NAME --model absent --start NUMBER"],
    "inspect": ["NAME", "NAME --json", "NAME --start NUMBER --end NUMBER"],
    "compare": ["--data NAME --rows WORD --root NAME", "--data a=NAME --seeds NUMBER"],
    "report": ["NAME"],
    "starter": ["NAME --out NAME --root NAME"],
    "presets": ["--paper WORD", "--json"],
    "preset": ["WORD --corpus WORD --data NAME --set WORD", "WORD --seed NUMBER"],
    "variants": ["--words NUMBER", "--json --words NUMBER", "--markdown"],
    "compile": [
        "NAME --output NAME --root NAME",
        "NAME --image WORD",
        "NAME --check",
        "NAME --target vertex",
    ],
    "submit": ["NAME --root NAME"],
    "schedule": ["list NAME", "WORD NAME --cron WORD"],
    "runs": ["NAME", "NAME --count NUMBER --json"],
    "models": ["NAME"],
    "rollback": [
        "NAME",
        "NAME --reason WORD --to NUMBER",
        "NAME --reason x --forgive 1",
    ],
    "label": ["NAME WORD NUMBER", "NAME WORD NUMBER --model-config-file NAME"],
    "manifests": ["NAME --out NAME --server WORD --models WORD --replicas NUMBER"],
    "lineage": ["NAME", "NAME NUMBER --clips --json", "NAME --markdown"],
    "clean": ["NAME --root NAME", "NAME --keep-runs NUMBER --older NUMBER --json"],
    "compare-models": ["NAME NAME NAME", "NAME NAME --json"],
    "verdicts": ["NAME", "NAME --json"],
}
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(
        "http_proxy HTTPS_PROXY HOME TMPDIR NO_COLOR TERM COLUMNS LINES LC_ALL LANG "
        "USER LOGNAME".split()
    ),
    st.sampled_from(
        [
            "",
            "1",
            "0",
            "dumb",
            "absent/x",
            "http://127.0.0.1:9",
            "C",
            "é",
            "²",
            "9" * 20,
        ]
    ),
    max_size=4,
)
CLIPS = """
corpus: {kind: csv, file: clips.csv}
features:
  sampling: {frames: 2, window: 3}
  features: [{kind: flow, size: 32}]
extraction: {workers: 1, shards: 1}
"""
CONTENTS = (
    st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass"))
    | st.sampled_from(
        [
            b"\xef\xbb\xbf{}",
            '{"a": "é"}'.encode("utf-16"),
            b'{"a": "x", "a": "y"}',
            b'[{"image_id": 1, "caption": "x"}]',
            b"root: x\nroot: y",
            b"name: x\nroot: x\ncorpus: {kind: csv, file: file.json}\nfeatures: {}",
            b"[" * 2000,
            b"a: &a [*a]",
            b"? [x]\n: 1",
            b"a: .nan\nroot: ~\n---\nb: 1",
            b'id,video,split,caption\na,clip.mp4,train,"a',
            b'{"a": ["x", 1], "b": null}',
        ]
    )
)


def a_command(name: str) -> st.SearchStrategy[list[str]]:
    """Command lines of one command: its forms, filled with odd arguments."""
    kinds = {"NAME": NAMES, "NUMBER": NUMBERS, "WORD": WORDS}

    def filled(form: str) -> st.SearchStrategy[list[str]]:
        parts = []
        for part in form.split():
            key = part.rpartition("=")[2]
            start = part.removesuffix(key)
            strategy = kinds.get(key, st.just(key))
            parts.append(strategy.map(lambda text, start=start: start + text))
        return st.tuples(*parts).map(list)

    return st.sampled_from(FORMS[name]).flatmap(filled).map(lambda rest: [name, *rest])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with something of every kind in it."""
    folder = tmp_path_factory.mktemp("place")
    clips.write(folder / "clip.mp4", 6)
    (folder / "file.json").write_text('{"a": "a cat"}')
    (folder / "folder").mkdir()
    (folder / "folder [1]").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "-dash.mp4").touch()
    os.mkfifo(folder / "pipe")
    (folder / "good.yaml").write_text("name: good\nroot: root\n")
    (folder / "clips.csv").write_text("id,video,split,caption\na,clip.mp4,train,a cat")
    (folder / "clips.yaml").write_text(CLIPS)
    shutil.copytree(starter_model.folder() / "1", folder / "pushed" / "1")
    return folder


@contextlib.contextmanager
def at(folder: pathlib.Path, environment: dict[str, str]) -> Iterator[None]:
    before, temporary = pathlib.Path.cwd(), tempfile.tempdir
    os.chdir(folder)
    tempfile.tempdir = None
    try:
        with mock.patch.dict(os.environ, environment):
            yield
    finally:
        os.chdir(before)
        tempfile.tempdir = temporary


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raises `TimeoutError` in whatever takes longer."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(words: list[str]) -> tuple[object, str]:
    """Runs the command line as a process would; the exit code and what was said."""
    said = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        mock.patch.object(sys, "argv", ["kinescribe", *words]),
        mock.patch.object(cli, "quiet_frameworks", lambda: None),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        at_most(SECONDS),
    ):
        try:
            cli.main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
    said.seek(0)
    return code, said.read()


def check(place: pathlib.Path, words: list[str], content: bytes, environment) -> None:
    (place / "odd.yaml").write_bytes(content)
    with at(place, environment):
        code, said = run(words)
    assert code in CODES, said
    assert "Traceback" not in said
    assert "a fault of Kinescribe" not in said, said
    assert "it took more than" not in said, said
    assert code == 0 or said.strip()


QUICK = settings(
    phases=[Phase.generate],  # a hang is not to be shrunk
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ANY = {"content": CONTENTS, "environment": ENVIRONMENTS}


def test_a_pipe_is_no_clip_and_is_not_waited_for(place):
    with at(place, {}):
        code, said = run(["inspect", "pipe"])
    assert code == 1 and "pipe: it is not a file" in said


def test_every_command_is_tried():
    assert FORMS.keys() == {*cli.COMMANDS}


@settings(QUICK, max_examples=20)
@given(words=st.sampled_from(["inspect", "score", "presets"]).flatmap(a_command), **ANY)
def test_odd_command_lines_end_in_a_sentence(place, words, content, environment):
    check(place, words, content, environment)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@settings(QUICK, max_examples=500, derandomize=False)
@given(words=st.sampled_from(sorted(FORMS)).flatmap(a_command), **ANY)
def test_five_hundred_command_lines_end_in_a_sentence(
    place, words, content, environment
):
    check(place, words, content, environment)
