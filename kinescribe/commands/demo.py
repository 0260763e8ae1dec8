"""The command `kinescribe demo`, which runs everything on rendered clips."""

from __future__ import annotations

import json
import pathlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinescribe.commands.run import REFUSED

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.local_runner import RunResult

NEW_CLIPS = 6
PHOTOGRAPH = "grace_hopper.jpg"  # comes with matplotlib


def command(
    context: typer.Context,
    root: Annotated[
        str, typer.Option(help="Folder for everything that the demo makes.")
    ] = "demo",
    config: Annotated[
        str, typer.Option(help="Another run configuration, by name or YAML file.")
    ] = "demo",
    train: Annotated[int, typer.Option(help="Clips to train on.", min=1)] = 800,
    held_out: Annotated[
        int, typer.Option(help="Clips to validate on, and as many to test on.", min=2)
    ] = 60,
    seed: Annotated[int, typer.Option(help="Another seed is another corpus.")] = 0,
) -> int:
    """Render clips, run the whole pipeline on them, serve the model, caption new clips.

    A second call reuses what is done.
    """
    from rich.console import Console

    from transform.common import outputs

    here = outputs.refuse_patterns(outputs.require_here(root))
    folder = pathlib.Path(outputs.require_folder(here))
    console, began = Console(), time.monotonic()

    from pipeline import configs, local_runner
    from pipeline.console_progress import ConsoleProgress

    described = configs.find(config)
    corpus = _render(console, folder, train, held_out, seed)
    settings = described.override(
        {"root": str(folder), "corpus": {"files": [str(corpus)]}}
    )
    console.print("[bold]2. The pipeline")
    result = local_runner.run(settings, ConsoleProgress(), verbose=bool(context.obj))
    console.print(result.verdict.sentence, markup=False, soft_wrap=True)
    if result.verdict.refuses:
        console.print(
            f"The report shows why: {result.report}", markup=False, soft_wrap=True
        )
        return REFUSED
    served = _served(settings.push_destination)
    title = f"3. New clips, captioned by a server of {served}"
    console.print(title, style="bold", markup=False)
    _caption_new_clips(console, folder, served, seed)
    _summarise(console, result, served)
    _caption_photograph(console)
    console.print(
        f"Done in {time.monotonic() - began:.0f} s. Caption a file of yours: "
        "kinescribe caption CLIP",
        markup=False,
    )
    return 0


def _served(destination: str) -> pathlib.Path:
    """Returns the version that is served, which an equal model leaves where it is."""
    from serving.common import model_versions

    return pathlib.Path(model_versions.resolve(destination))


def _render(
    console: Console, root: pathlib.Path, train: int, held_out: int, seed: int
) -> pathlib.Path:
    from rich.progress import Progress

    from transform.moving_world.corpus import CorpusConfig, render_corpus

    console.print("[bold]1. The clips")
    config = CorpusConfig(seed=seed, train=train, val=held_out, test=held_out)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("  rendering", total=None)
        corpus = render_corpus(
            config,
            root / "corpus",
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(
        f"  {corpus.rendered + corpus.kept} clips in {corpus.videos} "
        f"({corpus.rendered} rendered, {corpus.kept} kept)",
        soft_wrap=True,
    )
    return corpus.annotations


def _caption_new_clips(
    console: Console, root: pathlib.Path, served: pathlib.Path, seed: int
) -> None:
    """Captions clips of seeds that no corpus uses, through a server and its client."""
    from serving.client.grpc_client import Client
    from serving.server.config import ServerConfig
    from serving.server.server import Server
    from transform.moving_world.corpus import UNUSED_SEEDS
    from transform.moving_world.encode import render_clip
    from transform.moving_world.language import describe
    from transform.moving_world.subsets import sample_scene

    folder = root / "new"
    folder.mkdir(exist_ok=True)
    config = ServerConfig(model_base=str(served.parent), port=0)
    with Server(config) as server, Client(server.address) as client:
        for number in range(NEW_CLIPS):
            scene = sample_scene(UNUSED_SEEDS + NEW_CLIPS * seed + number, "mixed")
            clip = folder / f"new{number}.mp4"
            render_clip(scene, clip)
            caption = client.caption_file(clip).caption
            console.print(f"  {clip}", style="bold", markup=False, soft_wrap=True)
            console.print(f"    model:  {caption}", style="green", markup=False)
            for text in describe(scene, 2):
                console.print(f"    person: {text}", markup=False, soft_wrap=True)


def _summarise(console: Console, result: RunResult, served: pathlib.Path) -> None:
    from rich.table import Table

    console.print("[bold]4. Scores on the test clips[/] (×100)")
    scores: dict[str, Any] = json.loads(
        result.report.with_name("scores.json").read_text()
    )
    rows = {"the model": scores["model"], **scores["controls"]}
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("  captions", no_wrap=True)
    for metric in scores["model"]:
        table.add_column(metric, justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(f"  {name}", *(f"{100 * value:.1f}" for value in row.values()))
    console.print(table)
    places = {
        "Report": result.report,
        "Pushed model": served,
        "Pipeline root": result.root,
    }
    for name, path in places.items():
        console.print(f"{name + ':':15}{path}", markup=False, soft_wrap=True)


def _caption_photograph(console: Console) -> None:
    """Captions a real photograph with the starter model, which learnt from others."""
    import importlib.resources

    from kinescribe import starter_model
    from serving.client.local_model import LocalModel

    console.print("[bold]5. A photograph, by the starter model[/]")
    samples = importlib.resources.files("matplotlib") / "mpl-data" / "sample_data"
    with importlib.resources.as_file(samples / PHOTOGRAPH) as path:
        caption = LocalModel(starter_model.folder()).caption_file(path).caption
    console.print(
        f"  {PHOTOGRAPH}: Grace Hopper, 1984; U.S. Navy, in the public domain",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"    model:  {caption}", style="green", markup=False)
