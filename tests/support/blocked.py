"""Programs that run where some packages cannot be imported."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in {packages!r}:
            raise ImportError(f"{{name}} is not installed")
sys.meta_path.insert(0, Blocked())
"""


def program(packages: Sequence[str], code: str) -> str:
    """Returns a program that finds none of the packages."""
    return _BLOCK.format(packages=tuple(packages)) + code
