"""Docstrings and names speak the glossary's English."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

PACKAGES = (
    "transform",
    "keras_models",
    "serving",
    "components",
    "pipeline",
    "kubeflow",
    "kinescribe",
)
FILES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]

# Names that docs/glossary.md retires: of classes, functions, parameters and variables.
RETIRED_NAMES = frozenset(
    """
    Variant FusedVariant JointVariant JointModel EnsembleVariant
    Listener Audience Updater Materials Clock Standing Progress
    WrittenBatch CaptionWriter Written
    Footage Album Squash Every Whole TensorSpec
    Inventory taps tapped Journal
    AdditiveEnergy MultiplicativeEnergy energies Perceptron
    ClipMean FrameStream KeptKeyFrames FirstStep
    PERSON SHUFFLED named_apart require_alike recast lacking there
    """.split()
)
# As they stood where a docstring explained nothing.
RETIRED_DOCSTRINGS = (
    "What does not.",
    "The lower LSTM's.",
    "Those of the branches.",
    "Those of all cells, (B, T, S, A).",
    "Passes it on.",
    "Prints so.",
    "As before any clip was seen.",
    "That of the best weights.",
    "As they say.",
    "The layer.",
)
MIN_WORDS = 5


def definitions(path: pathlib.Path) -> Iterator[tuple[str, ast.AST]]:
    """Public classes and functions of a module, and the methods of those classes."""
    tree = ast.parse(path.read_text())

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.AST]]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("_"):
                    continue
                yield prefix + node.name, node
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, f"{prefix}{node.name}.")

    yield from visit(tree.body, "")


def names(path: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Every name that a module gives to something."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_public_docstrings_have_a_sentence(package):
    short = [
        f"{path.relative_to(ROOT)}: {name}: {docstring!r}"
        for path in FILES
        if path.relative_to(ROOT).parts[0] == package
        for name, node in definitions(path)
        if (docstring := ast.get_docstring(node)) is not None
        and len(docstring.split("\n\n")[0].split()) < MIN_WORDS
    ]
    assert not short, "\n".join(short)


@pytest.mark.parametrize("package", PACKAGES)
def test_retired_names_are_gone(package):
    kept = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in FILES
        if path.relative_to(ROOT).parts[0] == package
        for name, line in names(path)
        if name in RETIRED_NAMES
    ]
    assert not kept, "\n".join(kept)


def test_riddles_are_gone():
    kept = [
        f"{path.relative_to(ROOT)}: {riddle}"
        for path in FILES
        for riddle in RETIRED_DOCSTRINGS
        if f'"""{riddle}' in path.read_text()
    ]
    assert not kept, "\n".join(kept)


def test_the_check_notices_what_it_is_for(tmp_path):
    module = tmp_path / "module.py"
    module.write_text('def f(there):\n    """Two words."""\n    lacking = there\n')
    ((name, node),) = definitions(module)
    assert name == "f" and len((ast.get_docstring(node) or "").split()) < MIN_WORDS
    assert {"there", "lacking"} <= {name for name, _ in names(module)}
