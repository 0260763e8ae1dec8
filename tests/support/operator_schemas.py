"""Holds manifests of the kinds that operators define against the operators' schemas.

    .venv-deploy/bin/python tests/support/operator_schemas.py FILE …

What is wrong is printed, one line a fault, and makes the exit code 1. The schema of a
ServiceMonitor comes from the models that cloudcoil generates from the operator's CRDs,
that of an InferenceService from KServe's own client, which is generated from its API;
of Kubernetes' types in it, from `kubernetes-validate`. Fields that a schema does not
have are faults: a cluster drops them without a word.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import pathlib
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonschema
import yaml
from referencing import Registry, Resource

Schema = dict[str, Any]

_KUBERNETES = "1.37"
_CORE = "https://kubernetes.io/api/_definitions.json"
_ROOMS = ("io.k8s.api.core.v1", "io.k8s.apimachinery.pkg.apis.meta.v1")
_SCALARS: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "object": {},
}
_REQUIRED = re.compile(r"Invalid value for `(\w+)`, must not be `None`")


def service_monitor() -> Schema:
    """Returns the schema of the Prometheus operator's ServiceMonitor."""
    from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

    schema = ServiceMonitor.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return schema


def inference_service(core: Mapping[str, Any]) -> Schema:
    """Returns the schema of KServe's InferenceService.

    Args:
        core: Kubernetes' definitions; types that are in neither are taken by no value.
    """
    models = _kserve_models()
    parts = {name: _schema_of(model, models, core) for name, model in models.items()}
    top = parts["V1beta1InferenceService"]
    constants = {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
    }
    top = {**top, "properties": {**top["properties"], **constants}}
    return {**top, "required": ["apiVersion", "kind", "metadata", "spec"]} | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": parts,
    }


class _Model(NamedTuple):
    """A class of KServe's client, as far as its source says it."""

    types: Mapping[str, str]  # by attribute
    names: Mapping[str, str]  # in JSON, by attribute
    required: frozenset[str]  # attributes


def _kserve_models() -> dict[str, _Model]:
    """Reads the client's classes without its imports, which are a server's."""
    found = importlib.util.find_spec("kserve")
    assert found and found.submodule_search_locations
    [folder] = found.submodule_search_locations
    models = {}
    for path in pathlib.Path(folder, "models").glob("*.py"):
        text = path.read_text()
        for node in ast.parse(text).body:
            if not isinstance(node, ast.ClassDef):
                continue
            tables = {
                statement.targets[0].id: ast.literal_eval(statement.value)
                for statement in node.body
                if isinstance(statement, ast.Assign)
                and isinstance(statement.targets[0], ast.Name)
                and isinstance(statement.value, ast.Dict)
            }
            if {"openapi_types", "attribute_map"} <= tables.keys():
                models[node.name] = _Model(
                    tables["openapi_types"],
                    tables["attribute_map"],
                    frozenset(_REQUIRED.findall(text)),
                )
    return models


def _schema_of(
    model: _Model, models: Mapping[str, _Model], core: Mapping[str, Any]
) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(model.names[name] for name in model.required),
        "properties": {
            model.names[attribute]: _type(kind, models, core)
            for attribute, kind in model.types.items()
        },
    }


def _type(kind: str, models: Mapping[str, _Model], core: Mapping[str, Any]) -> Schema:
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    if kind.startswith("list["):
        items = _type(kind.removeprefix("list[").removesuffix("]"), models, core)
        return {"type": "array", "items": items}
    if kind.startswith("dict("):
        value = kind.partition(", ")[2].removesuffix(")")
        return {"type": "object", "additionalProperties": _type(value, models, core)}
    if kind in models:
        return {"$ref": f"#/$defs/{kind}"}
    for room in _ROOMS:
        name = f"{room}.{kind.removeprefix('V1')}"
        if name in core:
            return {"$ref": f"{_CORE}#/$defs/{name}"}
    return {"not": {}}


def _core() -> dict[str, Any]:
    found = importlib.util.find_spec("kubernetes_validate")
    assert found and found.submodule_search_locations
    [folder] = found.submodule_search_locations
    place = f"kubernetes-json-schema/v{_KUBERNETES}.0-local-strict/_definitions.json"
    return json.loads(pathlib.Path(folder, place).read_text())


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """Returns what is wrong with a manifest: where, and what."""
    core = _core()
    schemas = {
        "ServiceMonitor": service_monitor,
        "InferenceService": lambda: inference_service(core["$defs"]),
    }
    registry = Registry().with_resource(_CORE, Resource.from_contents(core))
    validator = jsonschema.Draft202012Validator(
        schemas[manifest["kind"]](), registry=registry
    )
    return [
        f"{error.json_path}: {error.message}"
        for error in validator.iter_errors(manifest)
    ]


def main(paths: list[str]) -> int:
    """Prints the faults of files; returns the exit code."""
    found = [
        f"{path}: {fault}"
        for path in paths
        for fault in faults(yaml.safe_load(pathlib.Path(path).read_text()))
    ]
    for fault in found:
        print(fault)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
