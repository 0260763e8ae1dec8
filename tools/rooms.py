"""Counts a package's rooms and the arrows between them, and finds circles of imports.

    python -m tools.rooms keras_models transform serving components

A room is a direct child, module or folder. An arrow is an import between two rooms,
counted once. Imports under `TYPE_CHECKING` count.
"""

from __future__ import annotations

import graphlib
import sys
from typing import NamedTuple

import grimp


class Rooms(NamedTuple):
    """The plan of one package."""

    rooms: int
    arrows: int
    circle: list[str]  # modules that import each other, if there are such


def plan(package: str) -> Rooms:
    """Returns the counts of one importable package."""
    graph = grimp.build_graph(package, cache_dir=None)
    inside = {name for name in graph.modules if name.startswith(f"{package}.")}
    edges = {
        (module, imported)
        for module in inside
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in inside
    }
    arrows = {
        (_room(a, package), _room(b, package))
        for a, b in edges
        if _room(a, package) != _room(b, package)
    }
    rooms = {_room(name, package) for name in inside}
    return Rooms(len(rooms), len(arrows), _circle(edges))


def _room(module: str, package: str) -> str:
    return module[len(package) + 1 :].split(".")[0]


def _circle(edges: set[tuple[str, str]]) -> list[str]:
    after: dict[str, set[str]] = {}
    for module, imported in edges:
        after.setdefault(module, set()).add(imported)
    try:
        graphlib.TopologicalSorter(after).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def main(packages: list[str]) -> None:
    """Prints a row for each package."""
    for package in packages:
        rooms, arrows, circle = plan(package)
        found = " → ".join(circle) or "none"
        print(f"{package}: {rooms} rooms, {arrows} arrows, circles: {found}")


if __name__ == "__main__":
    main(sys.argv[1:])
