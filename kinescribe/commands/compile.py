"""The command `kinescribe compile`, which compiles a pipeline for Kubeflow."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe import preflight, run_options


def command(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or the name of a shipped one.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; ends in .yaml.")
    ] = "pipeline.yaml",
    image: Annotated[
        str, typer.Option(help="Container image, in place of the file's.")
    ] = "",
    root: Annotated[
        str, typer.Option(help="Folder or bucket for everything, likewise.")
    ] = "",
) -> None:
    """Compile a pipeline for Kubeflow Pipelines.

    The very stages that `kinescribe run` runs here become the tasks of a pipeline that
    a cluster runs, on demand or on a schedule.
    """
    preflight.require("compile", run_options.RunArguments(config, root=root))

    from kubeflow import runner
    from pipeline import configs

    settings = configs.find(config)
    changes = {"image": image, "root": root}
    settings = settings.replace(
        **{key: value for key, value in changes.items() if value}
    )
    runner.compile_pipeline(settings, output)
    typer.echo(f"{output} is ready for `kfp pipeline create` or the Kubeflow page.")
