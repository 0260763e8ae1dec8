"""The command `kinescribe compile`, which compiles a pipeline for Kubeflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kinescribe import preflight, run_options

if TYPE_CHECKING:
    from pipeline.configs import PipelineConfig


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
    image: Annotated[
        str,
        typer.Option(
            help="Image of all stages, with its digest, in place of the file's."
        ),
    ] = "",
    root: Annotated[
        str, typer.Option(help="Folder or bucket for everything, likewise.")
    ] = "",
    allow_tags: Annotated[
        bool, typer.Option("--allow-tags", help="Take images by tag, as in a trial.")
    ] = False,
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
    settings = with_options(configs.find(config), image, root, allow_tags)
    compiler.compile_pipeline(settings, output)
    typer.echo(f"{output} is ready for `kinescribe submit` or the Kubeflow page.")


def with_options(
    config: PipelineConfig, image: str, root: str, allow_tags: bool
) -> PipelineConfig:
    """Returns a configuration with the options of a command in place of its own."""
    kubeflow: dict[str, object] = {}
    if image:
        kubeflow["image"] = {"default": image}
    if allow_tags:
        kubeflow["allow_tags"] = True
    return config.override(
        {
            **({"root": root} if root else {}),
            **({"kubeflow": kubeflow} if kubeflow else {}),
        }
    )
