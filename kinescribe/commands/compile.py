"""The command `kinescribe compile`, which compiles a pipeline for Kubeflow."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe import kubeflow_options, preflight, run_options


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or the name of a shipped one; with --check, a compiled "
            "pipeline."
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; ends in .yaml.")
    ] = "pipeline.yaml",
    image: kubeflow_options.Image = "",
    root: kubeflow_options.Root = "",
    allow_tags: kubeflow_options.AllowTags = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Say what a backend cannot do of a file; write nothing."
        ),
    ] = False,
) -> None:
    """Compile a pipeline for Kubeflow Pipelines.

    The very stages that `kinescribe run` runs here become the tasks of a pipeline that
    a cluster runs, on demand or on a schedule.
    """
    if check:
        from kubeflow.check import check as found_in

        sentences = found_in(config)
        for sentence in sentences:
            typer.echo(sentence)
        if sentences:
            raise typer.Exit(1)
        typer.echo(f"{config} is a pipeline that a backend can run.")
        return
    preflight.require("compile", run_options.RunArguments(config, root=root))

    from kubeflow import compiler
    from pipeline import configs
    from transform.common import outputs

    outputs.require_file(output)
    settings = kubeflow_options.with_options(
        configs.find(config), image, root, allow_tags
    )
    compiler.compile_pipeline(settings, output)
    typer.echo(f"{output} is ready for `kinescribe submit` or the Kubeflow page.")
