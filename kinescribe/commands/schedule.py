"""The command `kinescribe schedule`, which lets Kubeflow retrain by itself."""

from __future__ import annotations

import datetime
import itertools
from typing import Annotated

import typer

from kinescribe import kubeflow_options


def command(
    action: Annotated[
        str,
        typer.Argument(help="apply, list, pause, resume, remove or run-now."),
    ],
    config: kubeflow_options.Config,
    cron: Annotated[
        str,
        typer.Option(
            help="When, in five fields, as in '0 3 * * *', or @daily; in the time zone "
            "of the cluster's controller, which is UTC if nobody changed it."
        ),
    ] = "",
    watch: Annotated[
        str,
        typer.Option(
            help="In place of --cron: how often to look for new clips, as in 15m."
        ),
    ] = "",
    image: kubeflow_options.Image = "",
    root: kubeflow_options.Root = "",
    allow_tags: kubeflow_options.AllowTags = False,
) -> None:
    """Let Kubeflow look for new clips by itself, and train when there are.

    A run that finds nothing new ends after its first task. `apply` makes the schedule,
    or changes it if anything is different; one run goes on at a time.
    """
    if action not in ("apply", "list", "pause", "resume", "remove", "run-now"):
        raise typer.BadParameter(
            f"{action!r} is none of apply, list, pause, resume, remove, run-now",
            param_hint="action",
        )
    from kubeflow import schedules
    from kubeflow.client import Client
    from pipeline import configs

    if action == "apply":
        _apply(config, cron, watch, image, root, allow_tags)
        return
    client = Client.of_environment()
    settings = configs.find(config)
    if action == "list":
        for schedule in schedules.ours(client, settings.name):
            when = schedules.in_words(schedule.get("trigger", {}))
            state = schedule.get("status", "").lower()
            typer.echo(f"{schedule['recurring_run_id']}  {state:<9} {when}")
        return
    found = schedules.the_one(client, settings.name)
    schedule_id = found["recurring_run_id"]
    if action == "run-now":
        body: dict[str, object] = {
            key: found[key]
            for key in ("pipeline_version_reference", "runtime_config", "experiment_id")
            if key in found
        }
        run = client.create_run({"display_name": settings.name, **body})
        typer.echo(f"Run {run['run_id']} has started.")
    elif action == "remove":
        client.delete_schedule(schedule_id)
        typer.echo(f"{settings.name} has no schedule any more; its runs are kept.")
    else:
        client.enable_schedule(schedule_id, enabled=action == "resume")
        state = "goes on" if action == "resume" else "is paused"
        typer.echo(f"The schedule of {settings.name} {state}.")


def _apply(
    config: str, cron: str, watch: str, image: str, root: str, allow_tags: bool
) -> None:
    from kubeflow import cron as crons
    from kubeflow import schedules
    from kubeflow.client import Client
    from pipeline.kubeflow_config import seconds

    if bool(cron) == bool(watch):
        raise typer.BadParameter("give one of --cron and --watch")
    if cron:
        parsed = crons.parse(cron)
        trigger = schedules.cron(parsed.six_fields())
    else:
        try:
            trigger = schedules.every(seconds(watch))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="watch") from error
    client = Client.of_environment()
    settings, content = kubeflow_options.compiled(config, image, root, allow_tags)
    version = schedules.upload(client, settings.name, content)
    applied = schedules.apply(
        client,
        settings.name,
        version,
        trigger,
        settings.kubeflow.pipeline_root,
        kubeflow_options.parameters(force=False, note=""),
    )
    typer.echo(
        f"Schedule {applied.schedule_id} of {settings.name} is {applied.change}: "
        f"{schedules.in_words(trigger)}."
    )
    if cron:
        now = datetime.datetime.now(datetime.timezone.utc)
        coming = itertools.islice(parsed.times(now), 3)
        typer.echo(
            "Next, if the cluster's controller is in UTC: "
            + ", ".join(f"{time:%a %Y-%m-%d %H:%M}" for time in coming)
        )
