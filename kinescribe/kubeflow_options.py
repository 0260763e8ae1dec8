"""Options that the commands about Kubeflow share, and what they are made into."""

from __future__ import annotations

import pathlib
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.configs import PipelineConfig

Config = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a shipped one.")
]
Image = Annotated[
    str,
    typer.Option(help="Image of the stages, with its digest, not the file's."),
]
Root = Annotated[str, typer.Option(help="Folder or bucket for everything, likewise.")]
AllowTags = Annotated[
    bool, typer.Option("--allow-tags", help="Take images by tag, as in a trial.")
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Train, whatever else was decided."),
]
Note = Annotated[str, typer.Option(help="Kept with the model that is made.")]


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


def compiled(
    name: str, image: str, root: str, allow_tags: bool
) -> tuple[PipelineConfig, bytes]:
    """Returns a configuration, and its pipeline as Kubeflow takes it."""
    from kubeflow import compiler
    from pipeline import configs

    config = with_options(configs.find(name), image, root, allow_tags)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "pipeline.yaml")
        compiler.compile_pipeline(config, path)
        return config, path.read_bytes()


def parameters(force: bool, note: str) -> dict[str, Any]:
    """Returns the parameters of a run."""
    return {"force": int(force), "note": note}
