import ast
import importlib.util
import io
import logging
import os
import subprocess
import sys

import pytest

import kinescribe
from kinescribe import cli, terminal
from tests.support.paths import ROOT
from transform.common.errors import KinescribeError

# Third-party packages that every `--help` may import: none of them is heavy.
LIGHT = set(
    "typer click rich pygments markdown_it mdurl shellingham annotated_doc attr "
    "typing_extensions colorama".split()
)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "--nonsense"], 2, "--nonsense"),
        (["trian"], 2, "trian"),
        (["caption"], 2, "Missing argument"),
        (["score", "absent.jsonl", "absent.json"], 1, "absent"),
        (["--help"], 0, ""),
    ],
)
def test_exit_codes_tell_done_failed_and_wrong_usage_apart(
    arguments, code, said, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["kinescribe", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_an_interrupt_ends_with_130(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_models.presets.parameter_counts.stored", interrupted)
    monkeypatch.setattr(sys, "argv", ["kinescribe", "variants"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_command_that_names_s3_says_no_more_than_its_sentence(tmp_path, monkeypatch):
    for variable in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONWARNINGS"):
        monkeypatch.delenv(variable, raising=False)
    command = "-m kinescribe score absent.json s3://bucket/references.json".split()
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "kinescribe: cannot read absent.json: No such file or directory."
    ]


def test_no_help_imports_a_framework():
    code = f"""
import sys
before = set(sys.modules)
from kinescribe import cli, terminal
from transform.common.errors import KinescribeError
from typer.testing import CliRunner
for command in ([], *([name] for name in {cli.COMMANDS})):
    result = CliRunner().invoke(cli.app, [*command, "--help"])
    assert result.exit_code == 0, result.output
packages = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*packages - set(sys.stdlib_module_names))
"""
    packages = set(run_python(code).split())
    assert packages - LIGHT == {"kinescribe", "serving", "transform"}


def modules_of(command):
    """The modules that a command imports when it runs."""
    spec = importlib.util.find_spec(f"kinescribe.commands.{command}")
    with open(spec.origin) as file:
        tree = ast.parse(file.read())
    return [
        (node.module, [alias.name for alias in node.names])
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    ]


def test_training_and_scoring_import_neither_tfx_nor_model_analysis():
    commands = "train evaluate fuse ensemble score".split()
    code = f"""
import importlib, sys
for module, names in {[m for command in commands for m in modules_of(command)]}:
    for name in names:
        if not hasattr(importlib.import_module(module), name):
            importlib.import_module(module + "." + name)
print(*{{"tfx", "tensorflow_model_analysis", "apache_beam"}} & set(sys.modules))
"""
    assert run_python(code).split() == []


def test_the_version_is_printed_by_the_package_run_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "kinescribe", "--version"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"kinescribe {kinescribe.__version__}\n"


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["kinescribe", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr()


def test_a_home_folder_is_known_where_no_shell_expands_it(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "p.json").write_text('{"a": "a dog"}')
    (tmp_path / "r.json").write_text('{"a": ["a dog"]}')
    options = ("--metrics=BLEU-1", "--against=~/nosuch.json")
    _, said = run_main(monkeypatch, capsys, "score", "~/p.json", "~/r.json", *options)
    assert f"cannot read {tmp_path}/nosuch.json" in said.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space", "m/x"), "m/x: No space left on device (free some"),
        (KinescribeError("there is nothing."), "there is nothing."),
        (KeyError("oops"), "a fault of Kinescribe, KeyError: 'oops' (`kinescribe --v"),
        (
            RuntimeError(
                "Traceback (most recent call last):\n  File\n"
                "tensorflow.python.framework.errors_impl.ResourceExhaustedError: s/a; "
                "No space left on device [while running 'X']"
            ),
            "s/a: No space left on device (free",
        ),
        (
            RuntimeError(
                "Traceback (most recent call last):\n  File\n"
                "transform.datasets.video_record.AnnotationError: a.csv has none."
            ),
            "a.csv has none.",
        ),
    ],
)
def test_any_error_is_one_sentence(error, said, monkeypatch, capsys):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("keras_models.presets.parameter_counts.stored", fails)
    code, shown = run_main(monkeypatch, capsys, "variants")
    assert code == 1
    assert shown.err.startswith(f"kinescribe: {said}")
    assert shown.err.count("\n") == 1
    _, shown = run_main(monkeypatch, capsys, "--verbose", "variants")
    assert "Traceback" in shown.err


def test_a_name_that_begins_with_a_dash_is_thought_of(monkeypatch, capsys):
    code, shown = run_main(monkeypatch, capsys, "inspect", "-abc_1_2.mp4")
    assert code == 2
    words = " ".join(shown.err.replace("│", " ").split())
    assert "put -- before names that begin with -" in words
    code, shown = run_main(monkeypatch, capsys, "inspect", "--", "-abc_1_2.mp4")
    assert code == 1 and "-abc_1_2.mp4: there is no such file" in shown.err


PLACES = {
    "/dev/full": (1, "No space left on device"),
    "/dev/null": (0, ""),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_output_that_takes_nothing_is_one_sentence(place):
    with open(place, "w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "kinescribe", "--version"],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
    code, said = PLACES[place]
    assert (done.returncode, said in done.stderr) == (code, True)
    assert done.stderr.count("\n") == (1 if said else 0)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "a…b caf\\udce9"),
        ("latin-1", "a...b caf\\udce9"),
        ("ascii", "a...b caf\\udce9"),
    ],
)
def test_what_a_terminal_cannot_encode_is_escaped(encoding, shown, monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding))
    terminal.print_any_text()
    print("a…b caf\udce9", flush=True)
    assert buffer.getvalue().decode(encoding) == f"{shown}\n"


@pytest.mark.parametrize(
    ("columns", "kept"),
    [("²", "200"), ("٣", "200"), ("9" * 20, "200"), ("1", "20"), ("80", "80")],
)
def test_a_width_that_is_no_number_is_not_believed(columns, kept, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", "²")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    terminal.print_any_text()
    assert os.environ["COLUMNS"] == kept and "LINES" not in os.environ


def test_an_interrupt_while_imports_go_on_is_quiet():
    program = (
        "import os, signal, kinescribe.__main__ as m\n"
        "class Late:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'kinescribe.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "import sys; sys.meta_path.insert(0, Late()); m.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (130, b"")


def test_an_interrupt_in_text_that_is_run_ends_by_its_code(tmp_path):
    (tmp_path / "interrupted.py").write_text(
        "import sys, types, kinescribe.__main__ as m\n"
        "def main():\n"
        "    try: exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt: sys.exit(130)\n"
        "cli = sys.modules['kinescribe.cli'] = types.SimpleNamespace(main=main)\n"
        "sys.modules['kinescribe'].cli = cli; m.main()"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_warnings_of_ours_are_lines_without_traces(capsys):
    log = logging.Logger("transform")
    log.addHandler(handler := logging.StreamHandler(sys.stderr))
    handler.setFormatter(terminal._Line("kinescribe: %(message)s"))
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("clip %s", "a")
    assert capsys.readouterr().err == "kinescribe: clip a: ValueError: odd\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_a_process_without_standard_streams_does_its_work(tmp_path, closed):
    line = f'"{sys.executable}" -m kinescribe preset mgsa --corpus msvd {closed}'
    done = subprocess.run(
        ["bash", "-c", f"exec {line}"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">" not in closed)
