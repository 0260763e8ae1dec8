"""What the page of a run shows of its artifacts, as Kubeflow's own frontend picks it.

The rules are those of frontend/src/components/viewers/MetricsVisualizations.tsx in
github.com/kubeflow/pipelines at 2.17.0; an artifact's type is the title of its schema
(`getArtifactSchema` and `SchemaToArtifactType` below backend/src/v2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from tests.support.kubeflow_backend import Backend, Run

_OF_THE_BACKEND = {"display_name", "store_session_info", "tfx_version"}


class Page(NamedTuple):
    """What people see, by task and output."""

    pages: dict[str, str]  # HTML: `getHtmlViewerConfig`
    figures: dict[str, dict[str, Any]]  # tables: `ScalarMetricsSection`


def shown(backend: Backend, run: Run) -> Page:
    """Returns what the page shows; what it would fail at is raised."""
    page = Page({}, {})
    for task, ended in run.tasks.items():
        for key, artifact in ended.artifacts.items():
            kind = _title(artifact["type"])
            if kind == "system.HTML":  # `Apis.readFile` reads one object
                stored = backend.stored(artifact["uri"])
                page.pages[f"{task}.{key}"] = stored.read_text()
            elif kind == "system.Metrics":  # all properties are listed
                page.figures[f"{task}.{key}"] = {
                    name: value
                    for name, value in artifact["metadata"].items()
                    if name not in _OF_THE_BACKEND
                }
    return page


def _title(declared: dict[str, str]) -> str:
    if title := declared.get("schemaTitle"):
        return title
    return yaml.safe_load(declared["instanceSchema"])["title"]
