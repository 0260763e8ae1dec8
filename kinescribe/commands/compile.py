"""The command `kinescribe compile`, which compiles a pipeline for Kubeflow."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe import kubeflow_options, preflight, run_options

_TARGETS = {"kubeflow": "pipeline.yaml", "vertex": "pipeline.json"}


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or the name of a shipped one; with --check, a compiled "
            "pipeline."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; by default pipeline.yaml, or .json for Vertex AI.",
        ),
    ] = "",
    image: kubeflow_options.Image = "",
    root: kubeflow_options.Root = "",
    allow_tags: kubeflow_options.AllowTags = False,
    target: Annotated[
        str,
        typer.Option(help="kubeflow, or vertex for a job of Vertex AI Pipelines."),
    ] = "kubeflow",
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Say what a backend cannot do of a file; write nothing."
        ),
    ] = False,
) -> None:
    """Compile a pipeline for Kubeflow Pipelines, or for Vertex AI.

    The very stages that `kinescribe run` runs here become the tasks of a pipeline that
    a cluster runs, on demand or on a schedule.
    """
    if target not in _TARGETS:
        raise typer.BadParameter(f"--target is one of {', '.join(_TARGETS)}")
    if check:
        _check(config, target)
        return
    output = output or _TARGETS[target]
    preflight.require("compile", run_options.RunArguments(config, root=root))

    from kubeflow import compiler, vertex
    from pipeline import configs
    from transform.common import outputs

    outputs.require_file(output)
    settings = kubeflow_options.with_options(
        configs.find(config), image, root, allow_tags
    )
    if target == "vertex":
        vertex.compile_job(settings, output)
        typer.echo(f"{output} is ready for Vertex AI Pipelines.")
        return
    compiler.compile_pipeline(settings, output)
    typer.echo(f"{output} is ready for `kinescribe submit` or the Kubeflow page.")


def _check(path: str, target: str) -> None:
    """Prints what a system cannot do of a file, and ends with 1 if there is any."""
    from kubeflow import check, vertex_check

    found_in = vertex_check.check if target == "vertex" else check.check
    sentences = found_in(path)
    for sentence in sentences:
        typer.echo(sentence)
    if sentences:
        raise typer.Exit(1)
    whoever = "Vertex AI" if target == "vertex" else "a backend"
    typer.echo(f"{path} is a pipeline that {whoever} can run.")
