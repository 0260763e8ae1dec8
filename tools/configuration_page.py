"""Writes `docs/configuration.md`: every setting of a run, from the classes themselves.

    python -m tools.configuration_page > docs/configuration.md

A field's sentence is the comment beside it in the source, or above it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import textwrap
import types
import typing
from typing import Any

from keras_models.captioner_config import CaptionerConfig
from pipeline.configs import PipelineConfig
from pipeline.joint_configs import JointConfig
from transform.common.config import ByteSize, Config
from transform.common.location import Location
from transform.jobs.records_config import RecordsConfig

_HEAD = """# Configuration

Every field of a run configuration (`kinescribe run`, `train`, `compile`) and of a
records configuration (`kinescribe extract`), its default and what it decides. A field
whose value is one of several objects says which by `kind`. `training.model` changes
fields of the preset's `CaptionerConfig`. Made by
`python -m tools.configuration_page > docs/configuration.md`; a test keeps it current.
"""


def page() -> str:
    """Returns the whole page as Markdown."""
    return "\n".join([_HEAD, *(_section(cls) for cls in documented_classes())])


def documented_classes() -> list[type[Config]]:
    """Returns every class that a user's file may describe, containers first."""
    classes: dict[type[Config], None] = {}
    for root in (PipelineConfig, JointConfig, RecordsConfig, CaptionerConfig):
        _collect(root, classes)
    return list(classes)


def fields(cls: type[Config]) -> list[tuple[str, str, str, str]]:
    """Returns (name, type, default, sentence) of each field of a class.

    A run of several models has those of a run besides, which are not said twice.
    """
    sentences = _sentences(cls)
    hints = typing.get_type_hints(cls, include_extras=False)
    rows = []
    inherited = PipelineConfig.__fields__ if cls is JointConfig else ()
    for name, field in cls.__fields__.items():
        if name == "kind" or name in inherited:
            continue
        default = "required" if field.required else _shown(field.get_default())
        sentence = sentences.get(name) or field.field_info.description or ""
        rows.append((name, _type(hints[name]), default, sentence))
    return rows


def _collect(cls: type[Config], classes: dict[type[Config], None]) -> None:
    if cls in classes:
        return
    classes[cls] = None
    for hint in typing.get_type_hints(cls, include_extras=False).values():
        for part in _configs(hint):
            _collect(part, classes)


def _configs(hint: Any) -> list[type[Config]]:
    if not typing.get_args(hint):
        return [hint] if inspect.isclass(hint) and issubclass(hint, Config) else []
    return [found for part in typing.get_args(hint) for found in _configs(part)]


def _section(cls: type[Config]) -> str:
    kind = cls.__fields__.get("kind")
    title = f"## {cls.__name__}"
    if kind is not None:
        title += f" — `kind: {kind.get_default()}`"
    lines = [title, "", _first_sentence(cls), ""]
    rows = fields(cls)
    if rows:
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        for name, hint, default, sentence in rows:
            cells = (f"`{name}`", hint, default, sentence)
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _first_sentence(cls: type[Config]) -> str:
    paragraph = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _shown(value: Any) -> str:
    if isinstance(value, Config):
        kind = value.to_dict().get("kind")
        return f"`{kind}`" if kind else f"[{type(value).__name__}]"
    if isinstance(value, tuple) and value and isinstance(value[0], Config):
        return ", ".join(_shown(item) for item in value)
    return f"`{json.dumps(value, default=str)}`"


def _type(hint: Any) -> str:
    configs = _configs(hint)
    if configs:
        names = ", ".join(f"[{each.__name__}](#{anchor(each)})" for each in configs)
        return f"list of {names}" if typing.get_origin(hint) is tuple else names
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(hint))
    if hint is ByteSize:
        return "size in bytes, or with a unit"
    arguments = [each for each in typing.get_args(hint) if each is not type(None)]
    if (
        typing.get_origin(hint) in (typing.Union, types.UnionType)
        and len(arguments) == 1
    ):
        return f"{_type(arguments[0])} or null"
    if inspect.isclass(hint) and not arguments:
        names = {
            "str": "text",
            "Location": "path or URI",
            "int": "integer",
            "float": "number",
            "bool": "true/false",
        }
        return names.get(hint.__name__, hint.__name__)
    name = str(hint).replace(f"{Location.__module__}.Location", "path or URI")
    return name.replace("typing.", "").replace("NoneType", "null")


def anchor(cls: type[Config]) -> str:
    """Returns the page's anchor of a class."""
    title = cls.__name__.lower()
    kind = cls.__fields__.get("kind")
    if kind is not None:
        title += f"--kind-{kind.get_default()}"
    return title


@functools.cache
def _sentences(cls: type[Config]) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not (inspect.isclass(base) and issubclass(base, Config)) or base is Config:
            continue
        source = textwrap.dedent(inspect.getsource(base))
        lines = source.split("\n")
        (tree,) = ast.parse(source).body
        assert isinstance(tree, ast.ClassDef)
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = _comment(lines, node)
    return found


def _comment(lines: list[str], node: ast.AnnAssign) -> str:
    last = lines[(node.end_lineno or node.lineno) - 1]
    beside = re.search(r"#\s?(?!noqa)(.*)$", last[node.end_col_offset or 0 :])
    if beside:
        return beside.group(1).strip()
    inside = [
        match.group(1).strip()
        for line in lines[node.lineno - 1 : node.end_lineno]
        if (match := re.search(r"  # (?!noqa)(.*)$", line))
    ]
    if inside:
        return " ".join(inside)
    above = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.strip().startswith("#"):
            break
        above.append(line.strip().lstrip("# "))
    return " ".join(reversed(above))


if __name__ == "__main__":
    print(page(), end="")
