"""Parses YAML and JSON strictly: what is given twice is refused, not forgotten."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Hashable
from typing import Any

import yaml

from transform.common.errors import KinescribeError


class DocumentError(KinescribeError, ValueError):
    """Raised where a text is no valid document; the message says where and how."""


def parse_json(text: str | bytes, name: str) -> Any:
    """Returns the value of a JSON text.

    Args:
        text: The text, without a byte order mark, or its bytes.
        name: Of the file, or the place in one, for messages.

    Raises:
        DocumentError: It is not JSON, or an object has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in error.doc else ""
        where = f"{name}{line}, column {error.colno}"
        raise DocumentError(f"{where}: not valid JSON: {error.msg}.") from error
    except RecursionError as error:
        raise DocumentError(f"{name}: its JSON is nested too deeply.") from error
    except ValueError as error:
        raise DocumentError(f"{name}: {error}.") from error


def parse_yaml(text: str, name: str) -> Any:
    """Returns the value of a YAML text, of plain types.

    Args:
        text: The text, without a byte order mark.
        name: Of the file, or the place in one, for messages.

    Raises:
        DocumentError: It is not YAML, it is several documents, or a mapping has a key
            twice.
    """
    found = parse_all_yaml(text, name)
    if len(found) > 1:
        raise DocumentError(f"{name} holds {len(found)} YAML documents, not one.")
    return found[0] if found else None


def parse_all_yaml(text: str, name: str) -> list[Any]:
    """Returns the values of a text of several YAML documents, as `parse_yaml` does."""
    try:
        return list(yaml.load_all(text, _StrictLoader))
    except RecursionError as error:
        raise DocumentError(f"{name}: its YAML is nested too deeply.") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise DocumentError(f"{name} is not valid YAML: {_fault(error)}.") from error


def unzipped(data: bytes, name: str) -> bytes:
    """Returns the bytes that gzip has compressed.

    Args:
        data: The compressed bytes.
        name: Of the file, for messages.

    Raises:
        DocumentError: They are damaged.
    """
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{name} is damaged: {error}.") from error


def _fault(error: Exception) -> str:
    """Says what is wrong with a YAML text, and in which line if that is known."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    said = ", ".join(words for words in (error.context, error.problem) if words)
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is given twice in one object")
    return found


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        first: dict[Hashable, yaml.Mark] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # what is merged in, the mapping's own keys replace
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # which the base class refuses
            if key in first:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {key!r} is given twice, first in line "
                    f"{first[key].line + 1}",
                    key_node.start_mark,
                )
            first[key] = key_node.start_mark
        return super().construct_mapping(node, deep)
