"""Writes the package of the client that needs no TensorFlow, `kinescribe-client`.

python -m tools.client_package FOLDER && pip install ./FOLDER

It holds `serving.client.frames_client` and what that imports, wherever the import
stands, and asks for no more packages than those do. It is for machines without
Kinescribe itself, whose modules have the same names.
"""

from __future__ import annotations

import ast
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator

import kinescribe

ROOT = pathlib.Path(__file__).parents[1]
CLIENT = "serving.client.frames_client"
OURS = ("serving", "transform")
# What modules import → the distribution that has it.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "av": "av",
    "cv2": "opencv-contrib-python-headless",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "yaml": "pyyaml",
}
# Imported within functions alone, by what a client does not use: buckets, sound, a
# choice of optical flow.
LEFT_OUT = {"tensorflow", "tensorflow_addons", "tensorflow_io"}
_PYPROJECT = """[build-system]
requires = ["setuptools<81"]
build-backend = "setuptools.build_meta"

[project]
name = "kinescribe-client"
version = "{version}"
description = "Captions of videos from a Kinescribe server, without TensorFlow."
requires-python = ">=3.10"
license = {{text = "Apache-2.0"}}
dependencies = {requirements}

[tool.setuptools.packages.find]
include = ["serving*", "transform*"]
"""


def main() -> None:
    """Writes the package into the folder that the command line names."""
    write(pathlib.Path(sys.argv[1]))


def write(folder: pathlib.Path) -> None:
    """Writes the package's sources into a folder, which must not exist.

    Args:
        folder: The new folder.
    """
    files = modules()
    for file in files:
        target = folder / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    requirements = [_pinned(name) for name in sorted(packages(files))]
    text = _PYPROJECT.format(
        version=kinescribe.__version__, requirements=repr(requirements)
    )
    (folder / "pyproject.toml").write_text(text)


def modules() -> list[pathlib.Path]:
    """Returns the files of the client and of all that it imports of ours."""
    found: set[pathlib.Path] = set()
    waiting = [CLIENT]
    while waiting:
        name = waiting.pop()
        for file in _files_of(name):
            if file not in found:
                found.add(file)
                waiting.extend(n for n in imported(file) if _is_ours(n))
    return sorted(found)


def packages(files: list[pathlib.Path]) -> set[str]:
    """Returns the top-level names of others that some files import."""
    names = {name.partition(".")[0] for file in files for name in imported(file)}
    return names - set(OURS) - set(sys.stdlib_module_names) - LEFT_OUT


def imported(file: pathlib.Path) -> Iterator[str]:
    """Yields what a file imports when it runs: modules, and names that may be some."""
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if match := _BY_NAME.fullmatch(node.value):
                yield match[1]
        waiting.extend(ast.iter_child_nodes(node))


# A class that is imported by its name, as extractors are: "transform.a.b:Class".
_BY_NAME = re.compile(r"(transform\.extractors\.flow[a-z_]*):\w+")


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in OURS


def _files_of(name: str) -> Iterator[pathlib.Path]:
    """Yields the file of a module, and those of the packages around it."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:count])
        if (place / "__init__.py").exists():
            yield place / "__init__.py"
        elif (file := place.with_suffix(".py")).exists():
            yield file


def _pinned(name: str) -> str:
    distribution = DISTRIBUTIONS[name]
    lock = (ROOT / "requirements.lock").read_text()
    match = re.search(rf"^{distribution}==(.+)$", lock, re.MULTILINE)
    assert match, f"requirements.lock has no {distribution}"
    return f"{distribution}=={match[1]}"


if __name__ == "__main__":
    main()
