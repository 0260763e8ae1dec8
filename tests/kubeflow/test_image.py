"""The image cannot be built without a Docker daemon: its recipe is read instead."""

import json
import pathlib
import re
import subprocess
from importlib import metadata
from typing import NamedTuple

import pytest

from serving.pushing import provenance
from tests.support.deploy_tools import tool
from tests.support.paths import ROOT

LOCK = dict(
    line.split("==")
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if "==" in line
)


class Instruction(NamedTuple):
    """One line of a Dockerfile, continuations joined."""

    name: str
    rest: str


def read(path: pathlib.Path) -> list[Instruction]:
    lines = [x for x in path.read_text().splitlines() if not x.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [
        Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line
    ]


@pytest.fixture(scope="module")
def recipe() -> list[Instruction]:
    return read(ROOT / "kubeflow" / "Dockerfile")


@pytest.fixture(scope="module")
def environment(recipe) -> dict[str, str]:
    lines = [rest for name, rest in recipe if name == "ENV"]
    return dict(part.split("=") for line in lines for part in line.split())


def copied(recipe) -> list[str]:
    """What of the repository goes into the image."""
    copies = [rest for name, rest in recipe if name == "COPY" and "--from" not in rest]
    return [path for rest in copies for path in rest.split()[:-1]]


def test_boot_program_is_of_the_beam_that_is_locked(recipe):
    [source] = [rest for name, rest in recipe if name == "COPY" and "--from" in rest]
    image, origin, target = source.removeprefix("--from=").split()
    assert image == f"apache/beam_python3.10_sdk:{LOCK['apache-beam']}"
    assert LOCK["apache-beam"] == metadata.version("apache-beam")
    [entry] = [rest for name, rest in recipe if name == "ENTRYPOINT"]
    assert origin == target == "/opt/apache/beam"
    assert json.loads(entry) == [f"{target}/boot"]


def test_python_is_the_one_that_the_lock_is_for(recipe):
    base, trainer = [rest for name, rest in recipe if name == "FROM"]
    assert base.startswith("python:3.10-")
    assert base.split(" AS ")[1] == "steps"
    assert trainer == "steps AS trainer"
    assert '">=3.10,<3.11"' in (ROOT / "setup.py").read_text()


def test_workers_use_what_the_image_has(recipe, environment):
    assert environment["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    installs = [rest for name, rest in recipe if name == "RUN"]
    assert "uv" in LOCK
    assert all("--no-deps" in rest for rest in installs)
    assert "--requirements requirements.lock" in installs[0]


@pytest.mark.parametrize("path", ["kubeflow/Dockerfile", "serving/deploy/Dockerfile"])
def test_hadolint_finds_nothing_and_nothing_runs_as_root(path):
    done = subprocess.run(
        [tool("hadolint"), str(ROOT / path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    users = [rest for name, rest in read(ROOT / path) if name == "USER"]
    assert users[-1] == "65532"


def test_cuda_is_that_of_the_locked_tensorflow():
    wanted = {
        requirement.split(";")[0].strip().replace(" ", "")
        for requirement in metadata.requires("tensorflow") or ()
        if "and-cuda" in requirement
    }
    locked = set((ROOT / "requirements.gpu.lock").read_text().split())
    assert {line.replace("(", "").replace(")", "") for line in wanted} == locked


def test_every_package_and_what_setup_reads_is_copied(recipe):
    setup = (ROOT / "setup.py").read_text()
    packages = re.search(r"PACKAGES = \((.*?)\)", setup, re.DOTALL).group(1)
    wanted = {*re.findall(r'"(\w+)"', packages), "configs", "setup.py", "README.md"}
    assert wanted <= set(copied(recipe))


def test_what_is_copied_is_there_and_reaches_the_builder(recipe):
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    kept = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert set(copied(recipe)) == kept
    assert all((ROOT / path).exists() for path in kept)


def test_code_without_a_repository_knows_its_revision(recipe, environment):
    assert ("ARG", 'REVISION=""') in recipe
    assert environment[provenance.REVISION_VARIABLE] == "$REVISION"
    assert not any(path.startswith(".git") for path in copied(recipe))


def test_weights_are_looked_for_where_the_image_says(environment):
    from transform.common import weight_files

    assert weight_files.FOLDER_VARIABLE in environment
