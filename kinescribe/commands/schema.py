"""The command `kinescribe schema`, which writes what records may hold, for review."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe.extraction_options import RecordsFile


def command(
    config: RecordsFile,
    out: Annotated[
        str,
        typer.Option(help="File to write, as in schema.pbtxt; by default it is shown."),
    ] = "",
) -> None:
    """Write the schema of a configuration's records, for a person to review.

    It is TensorFlow Metadata's, as text. Narrow what it allows, and name the file as
    `data_schema` in the configuration: runs then hold new clips against it.
    """
    from pipeline import joint_configs
    from transform.backbones import loading
    from transform.common import outputs, storage
    from transform.records import reviewed_schema

    settings, _ = joint_configs.find_records(config)
    text = reviewed_schema.written(loading.resolve(settings.features))
    if not out:
        typer.echo(text, nl=False)
        return
    storage.write(outputs.require_file(out), text)
    typer.echo(f"{out} is to be reviewed, and then named as data_schema in {config}.")
