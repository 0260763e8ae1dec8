"""The command `kinescribe submit`, which runs a pipeline on Kubeflow once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from kinescribe import cli, kubeflow_options
from kinescribe.commands.run import REFUSED

if TYPE_CHECKING:
    from kubeflow.tell import Outcome

_SECONDS = 10.0  # between two looks at a run
_CODES = {"failed": 1, "refused": REFUSED, "stopped": cli.STOPPED_BY_DATA}


def command(
    config: kubeflow_options.Config,
    force: kubeflow_options.Force = False,
    note: kubeflow_options.Note = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the run, and end as it ends.")
    ] = False,
    image: kubeflow_options.Image = "",
    root: kubeflow_options.Root = "",
    allow_tags: kubeflow_options.AllowTags = False,
) -> None:
    """Run a pipeline on Kubeflow, once and now.

    The pipeline is compiled and uploaded as a version of its own, or the one that has
    the same content is used. KFP_ENDPOINT, KFP_TOKEN and KFP_NAMESPACE say where.

    With --wait it ends as `kinescribe run` does: with 0 if a model was pushed or none
    had to be, with 3 if the gates refused it, with 4 if the clips stopped the run, with
    1 if it failed. Where the root cannot be read from here, its state alone decides.
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
    succeeded = state in ("SUCCEEDED", "SKIPPED")
    ended = _outcome(settings.run_log, run_id, succeeded)
    if ended:
        typer.echo(ended.sentence)
    code = _CODES.get(ended.state, 0) if ended else int(not succeeded)
    if code:
        raise typer.Exit(code)


def _outcome(run_log: str, run_id: str, succeeded: bool) -> Optional[Outcome]:
    """Returns how a run ended; None, said in a line, if its log is out of reach."""
    from kubeflow import tell
    from kubeflow.run_log import RunLog
    from transform.common import filesystems
    from transform.common.errors import KinescribeError

    filesystems.register([run_log])
    try:
        ends = RunLog(run_log, run_id).read()
    except KinescribeError as error:
        typer.echo(f"What it came to cannot be read from here: {error}")
        return None
    if not ends:
        typer.echo(
            f"What it came to cannot be read from here: {run_log} has no such run."
        )
        return None
    return tell.outcome({"state": "SUCCEEDED" if succeeded else "FAILED"}, ends)
