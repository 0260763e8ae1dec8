"""The command `kinescribe submit`, which runs a pipeline on Kubeflow once."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kinescribe import kubeflow_options

_SECONDS = 10.0  # between two looks at a run


def command(
    config: kubeflow_options.Config,
    force: kubeflow_options.Force = False,
    note: kubeflow_options.Note = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the run; its state is the exit code.")
    ] = False,
    image: kubeflow_options.Image = "",
    root: kubeflow_options.Root = "",
    allow_tags: kubeflow_options.AllowTags = False,
) -> None:
    """Run a pipeline on Kubeflow, once and now.

    The pipeline is compiled and uploaded as a version of its own, or the one that has
    the same content is used. KFP_ENDPOINT, KFP_TOKEN and KFP_NAMESPACE say where.
    """
    from kubeflow import schedules
    from kubeflow.client import Client

    client = Client.of_environment()
    settings, content = kubeflow_options.compiled(config, image, root, allow_tags)
    version = schedules.upload(client, settings.name, content)
    parameters = kubeflow_options.parameters(force, note)
    run_id = schedules.start(
        client, settings.name, version, settings.kubeflow.pipeline_root, parameters
    )
    typer.echo(f"Run {run_id} of {settings.name} has started.")
    if not wait:
        return
    state = schedules.follow(
        client,
        run_id,
        lambda task, state: typer.echo(f"{task:<24}{state.lower()}"),
        lambda: time.sleep(_SECONDS),
    )
    typer.echo(f"The run {state.lower()}.")
    if state not in ("SUCCEEDED", "SKIPPED"):
        raise typer.Exit(1)
