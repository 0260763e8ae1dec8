import ast
import importlib.util
import subprocess
import sys

import pytest

import kinescribe
from kinescribe import cli

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


def test_no_help_imports_a_framework():
    code = f"""
import sys
before = set(sys.modules)
from kinescribe import cli
from typer.testing import CliRunner
for command in ([], *([name] for name in {cli.COMMANDS})):
    result = CliRunner().invoke(cli.app, [*command, "--help"])
    assert result.exit_code == 0, result.output
packages = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*packages - set(sys.stdlib_module_names))
"""
    packages = set(run_python(code).split())
    assert packages - LIGHT == {"kinescribe", "transform"}


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
