"""The command `kinescribe runs`, which lists a pipeline's runs on Kubeflow."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kinescribe import kubeflow_options


def command(
    config: kubeflow_options.Config,
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what the backend knows as JSON.")
    ] = False,
) -> None:
    """List the latest runs of a pipeline on Kubeflow."""
    from kubeflow.client import Client
    from pipeline import configs

    client = Client.of_environment()
    name = configs.find(config).name
    found = client.runs(client.experiment_id(name), count)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for run in found:
        by = "schedule" if run.get("recurring_run_id") else "hand"
        typer.echo(
            f"{run['run_id']}  {run.get('state', '').lower():<10} {by:<9}"
            f"{run.get('created_at', '')}  {run.get('finished_at', '')}"
        )
