"""The command `kinescribe manifests`: what serves a model on Kubernetes, as files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from kinescribe import run_options

if TYPE_CHECKING:
    from pipeline.configs import PipelineConfig


def command(
    config: run_options.Configuration,
    out: Annotated[str, typer.Option(help="Folder to write them to.")],
    server: Annotated[
        str, typer.Option(help="embedded, tf-serving or kserve.")
    ] = "embedded",
    image: Annotated[str, typer.Option(help="Of the server, with its digest.")] = "",
    models: Annotated[
        str,
        typer.Option(
            help="pvc://claim/folder or a bucket; by default where the configuration "
            "pushes to."
        ),
    ] = "",
    secret: Annotated[
        str, typer.Option(help="Kubernetes secret with a bucket's environment.")
    ] = "",
    replicas: Annotated[int, typer.Option(min=1, help="Pods at least.")] = 2,
    canary_percent: Annotated[
        int, typer.Option(min=0, max=100, help="Of calls, with kserve.")
    ] = 0,
    settings: run_options.Settings = None,
) -> None:
    """Write Kubernetes manifests that serve what a configuration pushes.

    `kubectl apply -k DIR` takes the folder, and an overlay of yours can stand on it.
    """
    from pipeline.configs import PipelineConfig
    from serving.manifests import Deployment, write

    found = run_options.RunArguments(
        config, "", "", "", None, tuple(settings or ()), ""
    ).read()
    if not isinstance(found, PipelineConfig):
        raise typer.BadParameter("it has several models; serve each one by itself")
    deployment = Deployment.from_dict(
        {
            "name": found.name,
            "server": server,
            "image": image,
            "models": models or _pushed_to(found),
            "secret": secret,
            "replicas": replicas,
            "canary_percent": canary_percent,
        }
    )
    for path in write(deployment, out):
        typer.echo(path)


def _pushed_to(config: PipelineConfig) -> str:
    """Returns where models are pushed to, as a cluster knows it."""
    place = config.push_destination
    for volume in config.kubeflow.volumes:
        mount = volume.mount.rstrip("/") + "/"
        if place.startswith(mount):
            return f"pvc://{volume.claim}/{os.path.relpath(place, mount)}"
    return place
