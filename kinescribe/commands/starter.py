"""The command `kinescribe starter`, which trains the starter model anew."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kinescribe.commands.run import REFUSED


def command(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="The folder of Flickr8k, as it is published.")
    ],
    out: Annotated[
        str, typer.Option(help="Folder for the model's version and its weights.")
    ] = "starter-model",
    root: Annotated[
        str, typer.Option(help="Folder for records, training and the report.")
    ] = "",
) -> int:
    """Train the model that `kinescribe caption` has where none is named.

    What is done already is not done again. The version is what `--model` and a server
    read; `captioner` beside it, what `kinescribe train --begin-with` does.
    """
    from kinescribe import preflight, run_options

    arguments = run_options.RunArguments(
        "starter", root=root, settings=(f"push_to={json.dumps(out)}",), data=data
    )
    preflight.require("run", arguments)

    from pipeline import local_runner
    from pipeline.console_progress import ConsoleProgress
    from serving.export.train_and_export import CAPTIONER_FOLDER, captioner_folder
    from transform.common import storage
    from transform.common.location import Location

    result = local_runner.run(
        arguments.read(), ConsoleProgress(), verbose=bool(context.obj)
    )
    typer.echo(result.verdict.sentence)
    if result.verdict.refuses:
        typer.echo(f"The report shows why: {result.report}")
        return REFUSED
    kept = Location(out) / CAPTIONER_FOLDER
    storage.copy_folder(captioner_folder(str(result.model)), kept)
    typer.echo(f"The model is in {out}; its scores: {result.report}")
    return 0
