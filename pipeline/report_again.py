"""Makes a root's report anew, and a page of all its runs."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

from tfx.orchestration.portable.mlmd import execution_lib
from tfx.types import Artifact

from components.report.executor import PAGE, write_report
from pipeline import metadata_store
from serving.judging import recorded
from serving.report.index import IndexRow, render_index
from transform.common import storage
from transform.common.errors import KinescribeError
from transform.common.location import Location

INDEX = "reports.html"  # in the root


class ReportedRun(NamedTuple):
    """The artifacts of a report that was written."""

    title: str
    inputs: dict[str, Artifact]
    report: Artifact


def reported_runs(root: str | os.PathLike[str]) -> list[ReportedRun]:
    """Returns the reports that the runs of a root have written, oldest first.

    Raises:
        KinescribeError: No pipeline has run there.
    """
    database = Location(root) / metadata_store.FILE
    if database.is_remote:
        raise KinescribeError(
            f"{root} is in a bucket: a run on a cluster has its report beside its "
            "other artifacts, and none is written anew."
        )
    if not os.path.exists(database):
        raise KinescribeError(
            f"there is no report in {root}: give the root of a pipeline that has run."
        )
    runs = []
    with metadata_store.opened(root) as handle:
        store = handle.store
        for execution in sorted(store.get_executions(), key=lambda e: e.id):
            (kind,) = store.get_execution_types_by_id([execution.type_id])
            done = execution_lib.is_execution_successful(execution)
            if not (kind.name.rpartition(".")[2] == "Report" and done):
                continue
            outputs = execution_lib.get_output_artifacts(handle, execution.id)
            inputs = execution_lib.get_input_artifacts(handle, execution.id)
            if not os.path.isdir(outputs["report"][0].uri):
                continue
            title = execution.custom_properties["title"].string_value
            single = {key: found[0] for key, found in inputs.items()}
            runs.append(ReportedRun(title, single, outputs["report"][0]))
    if not runs:
        raise KinescribeError(f"no run in {root} has come as far as its report.")
    return runs


def report_again(
    root: str | os.PathLike[str],
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the newest report anew, and the page of all runs.

    Returns:
        The report and the page.
    """
    runs = reported_runs(root)
    newest = runs[-1]
    write_report(**newest.inputs, report=newest.report, title=newest.title)
    rows: dict[str, IndexRow] = {}
    for run in runs:
        verdict = recorded.read_verdict(run.inputs["judgement"].uri)
        if verdict is not None:
            page = os.path.join(run.report.uri, PAGE)
            address = os.path.relpath(page, root)
            rows[page] = IndexRow(run.title, address, verdict)
    index = Location(root) / INDEX
    storage.write(index, render_index(list(rows.values())))
    return pathlib.Path(newest.report.uri, PAGE), pathlib.Path(index)
