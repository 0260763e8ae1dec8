"""Counts a package's rooms, the arrows between them and the circles of its modules.

    python -m tools.rooms keras_models transform serving components

A room is a direct child, module or folder. An arrow is an import between two rooms,
counted once. Imports under `TYPE_CHECKING` count.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import grimp


class Rooms(NamedTuple):
    """The plan of one package."""

    rooms: int
    arrows: int
    circles: list[frozenset[str]]  # modules that import each other in a circle


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
    return Rooms(len(rooms), len(arrows), _circles(inside, edges))


def _room(module: str, package: str) -> str:
    return module[len(package) + 1 :].split(".")[0]


def _circles(modules: set[str], edges: set[tuple[str, str]]) -> list[frozenset[str]]:
    """Strongly connected components of more than one module (Tarjan)."""
    after: dict[str, list[str]] = {module: [] for module in modules}
    for source, target in edges:
        after[source].append(target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in after[module]:
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            members = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(members) > 1:
                circles.append(frozenset(members))

    for module in sorted(modules):
        if module not in index:
            visit(module)
    return circles


def main(packages: list[str]) -> None:
    """Prints a row for each package."""
    for package in packages:
        rooms, arrows, circles = plan(package)
        sizes = ", ".join(str(len(each)) for each in circles) or "none"
        print(f"{package}: {rooms} rooms, {arrows} arrows, circles: {sizes}")


if __name__ == "__main__":
    main(sys.argv[1:])
