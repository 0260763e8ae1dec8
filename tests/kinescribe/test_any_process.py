"""Every command as a process: odd environments, outputs that close, signals.

Whatever happens to it, it says one sentence or nothing, and ends by a documented code.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kinescribe import cli, starter_model
from tests.support import clips, records_folder
from tests.support.paths import ROOT

SECONDS = 300  # for a command that ends by itself
ENDING = 60  # after a signal
CODES = {0, 1, 2, 3, 4}  # done, failed, wrong usage, refused, stopped by data

# A line of each command that has something to do in `place`.
LINES: dict[str, str] = {
    "demo": "--root demo --train 9 --held-out 3",
    "init": "clips.csv --out new.yaml --force",
    "check": "run.yaml",
    "schema": "run.yaml --out schema.pbtxt",
    "run": "run.yaml --root run",
    "extract": "clips.yaml --out extracted --workers 2",
    "import-features": "clips.yaml --out imported",
    "audio-words": "clips.yaml --out words.npz",
    "train": "run.yaml --records records --out trained",
    "fuse": "a=starter b=starter --records records --out fused",
    "ensemble": "a=starter b=starter --out ensemble",
    "evaluate": "pushed records --split train",
    "score": "p.json r.json",
    "compare-models": "pushed pushed records --split train",
    "verdicts": "pushed",
    "report": "pushed",
    "serve": "pushed --port 0 --metrics-port 0",
    "web": "pushed --port 0 --decoders 1",
    "caption": "clip.mp4 -- -dash.mp4",
    "describe": "clip.mp4 --every 1",
    "explain": "clip.mp4 --model pushed --out figures",
    "inspect": "clip.mp4",
    "compare": "--data records --rows mgsa --root compared --epochs 1",
    "starter": "absent --out new-starter --root run",
    "presets": "",
    "preset": "mgsa --corpus msvd",
    "variants": "",
    "compile": "run.yaml --output pipeline.yaml --root gs://b/c --image a@sha256:1",
    "submit": "run.yaml",
    "schedule": "list run.yaml",
    "runs": "run.yaml",
    "models": "pushed",
    "rollback": "pushed --reason x",
    "label": "pushed stable 1",
    "lineage": "pushed",
    "clean": "run.yaml --root run",
    "manifests": "run.yaml --out manifests --image a@sha256:1 --models gs://b/m",
}
ENDLESS = {"serve", "web"}
RELOADS = {"serve"}  # at a hang-up, and serves on
LONG = {"demo", "run", "compare", "train", "extract", "evaluate", "compare-models"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with clips, configurations, records, models and captions."""
    folder = tmp_path_factory.mktemp("place")
    clips.write(folder / "clip.mp4", 6)
    shutil.copy(folder / "clip.mp4", folder / "-dash.mp4")
    rows = [f"{n},clip.mp4,{split},a cat" for n, split in enumerate(("train", "test"))]
    (folder / "clips.csv").write_text("\n".join(["id,video,split,caption", *rows]))
    described = "corpus: {kind: csv, file: clips.csv}\nextraction: {workers: 2}\n"
    features = f"features: {records_folder.SPEC.to_json()}\n"
    (folder / "clips.yaml").write_text(described + features)
    training = "training: {variant: mgsa, model: {encoder: {grid: tiny}}}\n"
    named = "name: place\nroot: root\n"
    (folder / "run.yaml").write_text(named + described + features + training)
    (folder / "p.json").write_text('{"a": "a cat"}')
    (folder / "r.json").write_text('{"a": ["a cat"], "b": ["a dog"]}')
    shutil.copytree(starter_model.folder() / "1", folder / "pushed" / "1")
    shutil.copytree(starter_model.folder() / "captioner", folder / "starter")
    (folder / "recorded").mkdir()
    records_folder.write(folder / "recorded")
    (folder / "records").symlink_to("recorded/records")
    return folder


def started(
    place: pathlib.Path, *words: str, environment: dict[str, str], **options
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "kinescribe", *words],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def _await_python(command: subprocess.Popen[bytes]) -> None:
    """Waits until an interrupt is an exception: before, it only ends the loader."""
    status = pathlib.Path(f"/proc/{command.pid}/status")
    for _ in range(3000):
        if command.poll() is not None:
            return
        (caught,) = (s for s in status.read_text().splitlines() if "SigCgt" in s)
        if int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1:
            return
        time.sleep(0.01)


def check(place, name, environment, output, number, delay) -> None:
    words = [name, *LINES[name].split()]
    if name in ENDLESS:
        number = number or signal.SIGTERM
    elif name in LONG and not number:
        number, delay = signal.SIGINT, 20.0
    goes_on = name in RELOADS and number == signal.SIGHUP
    reading, writing = os.pipe()
    if output == "full":
        os.close(writing)
        writing = os.open("/dev/full", os.O_WRONLY)
    if output != "read":
        os.close(reading)
    with started(place, *words, environment=environment, stdout=writing) as command:
        os.close(writing)
        try:
            if number:
                _await_python(command)
                try:
                    command.wait(delay)
                except subprocess.TimeoutExpired:
                    os.killpg(command.pid, number)  # as a terminal does
                    if goes_on:
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            command.wait(1)
                        command.terminate()
            _, said = command.communicate(timeout=ENDING if number else SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
        code = command.returncode
    if output == "read":
        os.close(reading)
    said = said.decode(errors="replace")
    situation = (words, environment, output, number, delay, code, said)
    if number == signal.SIGINT and "Traceback" in said and str(ROOT) not in said:
        return  # before our first line: it was Python that it met
    ended = {130} if number == signal.SIGINT else {-(number or 0)}
    if goes_on:
        ended |= {-signal.SIGTERM}
    assert code in CODES | ended, situation
    assert "Traceback" not in said, situation
    assert "a fault of Kinescribe" not in said, situation


ENVIRONMENTS = st.fixed_dictionaries(
    {},
    optional={
        "http_proxy": st.just("http://127.0.0.1:9"),
        "HTTPS_PROXY": st.just("http://127.0.0.1:9"),
        "HOME": st.sampled_from(["", "/absent", "/dev/null"]),
        "TMPDIR": st.sampled_from(["", "/absent", "/dev/null"]),
        "NO_COLOR": st.just("1"),
        "FORCE_COLOR": st.just("1"),
        "TERM": st.sampled_from(["", "dumb", "é", "xterm-256color"]),
        "COLUMNS": st.sampled_from(["", "0", "1", "²", "9" * 20]),
        "LC_ALL": st.sampled_from(["", "C", "POSIX", "C.UTF-8", "no_SUCH", "é"]),
        "PYTHONUTF8": st.sampled_from(["0", "1"]),
        "PYTHONIOENCODING": st.sampled_from(["ascii", "latin-1", "utf-16"]),
        "USER": st.sampled_from(["", "é"]),
    },
)
ANY = {
    "environment": ENVIRONMENTS,
    "output": st.sampled_from(["read", "closed", "full"]),
    "number": st.sampled_from([None, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]),
    "delay": st.floats(0.05, 12),
}


def test_every_command_has_a_line():
    assert LINES.keys() == {*cli.COMMANDS}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", LINES)
@settings(
    phases=[Phase.generate],
    max_examples=4,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(**ANY)
def test_whatever_happens_to_a_process_it_ends_as_documented(place, name, **happens):
    check(place, name, **happens)


@pytest.mark.parametrize("output", ["closed", "full"])
def test_a_listing_that_nobody_takes_ends_in_a_sentence_or_none(tmp_path, output):
    check(tmp_path, "presets", {}, output, None, 0.0)


def test_a_reader_that_has_enough_hears_no_complaint(tmp_path):
    options = {"environment": {}, "stdout": subprocess.PIPE}
    with started(tmp_path, "presets", **options) as command:
        command.stdout.read(10)
        command.stdout.close()
        said = command.stderr.read().decode()
    assert command.returncode in (0, 1) and said == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "1"},
        {"HOME": "", "TMPDIR": "/absent", "NO_COLOR": "1", "http_proxy": "http://x:9"},
    ],
)
def test_names_of_any_bytes_are_printed_in_any_locale(tmp_path, environment):
    name = os.fsdecode(b"caf\xe9 \xe2\x80\xa6.mp4")
    clips.write(tmp_path / "a.mp4", 6).rename(tmp_path / name)
    for options in ([], ["--json"]):
        arguments = ("inspect", name, *options)
        outputs = {"environment": environment, "stdout": subprocess.PIPE}
        with started(tmp_path, *arguments, **outputs) as command:
            shown, said = (t.decode(errors="replace") for t in command.communicate())
        assert (command.returncode, said) == (0, "")
        assert "caf" in (json.loads(shown)["clip"] if options else shown)


def test_an_interrupt_that_meets_a_destructor_is_not_lost():
    program = """
import signal, time
from kinescribe import cli

class Closing:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

cli._take_interrupts()
try:
    Closing()  # Python passes over what a destructor raises
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.fixture(scope="module")
def latin_locale(tmp_path_factory):
    """The environment of a locale whose texts are ISO-8859-1."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("locales cannot be made here: there is no localedef, or no en_US")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US"}


def test_a_configuration_names_the_same_files_in_any_locale(place, latin_locale):
    shutil.copy(place / "clips.csv", os.fsencode(place / "café.csv"))
    settings = (place / "run.yaml").read_text().replace("clips.csv", "café.csv")
    (place / "accented.yaml").write_text(settings, "utf-8")
    said = []
    for environment in ({"LC_ALL": "C.UTF-8"}, latin_locale):
        outputs = {"environment": environment, "stdout": subprocess.PIPE}
        with started(place, "check", "accented.yaml", **outputs) as command:
            said.append((*command.communicate(), command.returncode))
    assert said[0] == said[1]
    assert b"val" in b"".join(said[1][:2])  # the table was read: it lacks such clips


def test_what_is_printed_stays_in_the_encoding_of_the_locale(place, latin_locale):
    outputs = {"environment": latin_locale, "stdout": subprocess.PIPE}
    with started(place, "check", "café-absent.yaml", **outputs) as command:
        said = b"".join(command.communicate())
    assert "café-absent.yaml".encode("latin-1") in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("delay", [0.1, 0.4, 1.0, 2.0])
def test_a_signal_ends_a_command_without_a_trace(place, number, delay):
    words = ("ensemble", "a=starter", "b=starter", "--out", "ended")
    outputs = {"environment": {}, "stdout": subprocess.PIPE}
    with started(place, *words, **outputs) as command:
        time.sleep(delay)  # within the imports, which take longest
        command.send_signal(number)
        _, said = command.communicate(timeout=ENDING)
    assert command.returncode in (130, 1, -number)
    assert b"Traceback" not in said
