"""The command `kinescribe label`, which names versions for clients to ask for."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    push_to: Annotated[str, typer.Argument(help="Folder that models are pushed to.")],
    label: Annotated[
        str, typer.Argument(help="The name, as stable or canary.", metavar="LABEL")
    ],
    version: Annotated[str, typer.Argument(help="Its version; - takes the name away.")],
    model_config_file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Write the servers' model config, with the live version and all "
            "labelled ones.",
        ),
    ] = "",
    name: Annotated[
        str, typer.Option(help="What servers call the model, in that file.")
    ] = "kinescribe",
    base_path: Annotated[
        str, typer.Option(help="The folder as servers see it, in that file.")
    ] = "",
) -> None:
    """Name a version, so that clients choose between a stable and a canary model.

    `kinescribe serve --model-config-file FILE` and TensorFlow Serving both read the
    file. A rolled back version takes no label.
    """
    from serving.pushing import labels
    from transform.common import outputs, storage, users

    if model_config_file:
        model_config_file = outputs.require_file(model_config_file)
    by = users.current()
    if version == "-":
        labels.remove(push_to, label, by)
        typer.echo(f"{label} is no version's name any more.")
    else:
        labels.assign(push_to, label, version, by)
        typer.echo(f"Version {version} is {label}.")
    if model_config_file:
        text = labels.model_config(push_to, name, base_path)
        storage.write(model_config_file, text)
        typer.echo(f"Servers read {model_config_file}.")
