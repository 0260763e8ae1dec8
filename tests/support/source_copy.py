"""A copy of the source in which a recipe of CONTRIBUTING.md is carried out."""

from __future__ import annotations

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping

from tests.support.paths import ROOT


class SourceCopy:
    """Copies of some packages, in a folder of their own.

    Args:
        folder: Where they are copied to.
        packages: Their names.
    """

    def __init__(self, folder: pathlib.Path, *packages: str):
        self.folder = folder
        for package in packages:
            shutil.copytree(
                ROOT / package,
                folder / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )

    def add(self, file: pathlib.Path, text: str) -> None:
        """Writes a new file."""
        assert not (self.folder / file).exists(), file
        (self.folder / file).write_text(text)

    def replace(self, file: pathlib.Path, changes: Mapping[str, str]) -> None:
        """Replaces texts of a file, each of which stands there once."""
        text = (self.folder / file).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.folder / file).write_text(text)

    def changed(self) -> set[pathlib.Path]:
        """Returns the files that are new or differ from the source's."""
        files = {
            path.relative_to(self.folder)
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        return {file for file in files if not self._same(file)}

    def added_lines(self, file: pathlib.Path) -> int:
        """Returns how many lines longer than the source's a file is."""
        ours, theirs = (
            (folder / file).read_text().splitlines() for folder in (self.folder, ROOT)
        )
        return len(ours) - len(theirs)

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program on the copy; fails with what it wrote to stderr."""
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": os.fspath(self.folder), "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr

    def _same(self, file: pathlib.Path) -> bool:
        source = ROOT / file
        return source.exists() and filecmp.cmp(
            self.folder / file, source, shallow=False
        )
