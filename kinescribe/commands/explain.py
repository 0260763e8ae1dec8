"""The command `kinescribe explain`: the figures of one clip, as picture and film."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from kinescribe import figure_names


def command(
    clip: Annotated[str, typer.Argument(help="The video file.")],
    model: Annotated[
        str, typer.Option(help="A model, or a folder of versions: then the newest.")
    ],
    out: Annotated[str, typer.Option(help="Folder of the picture and the film.")] = ".",
    start: Annotated[
        Optional[float], typer.Option(min=0, help="Second where the clip begins.")
    ] = None,
    end: Annotated[
        Optional[float], typer.Option(min=0, help="Second where it ends.")
    ] = None,
    category: Annotated[
        str, typer.Option(help="The clip's category, for models that read it.")
    ] = "",
) -> None:
    """Show what a model looked at for each word of a clip, as a PNG and an MP4.

    The picture has all words at once, as the papers' figures; the film has one word a
    second. Nothing is replaced: further figures of a name get a number.
    """
    from serving.client.local_clips import local_clip
    from serving.client.local_model import LocalModel
    from serving.visualization import film, filmstrip
    from serving.visualization.explanation import explain
    from transform.common import outputs

    folder = outputs.require_folder(out)
    captioner = LocalModel(model)
    with local_clip(clip) as path:
        result, view = explain(captioner, path, start, end, category)
    place = figure_names.free(folder, clip, start, end)
    picture, moving = (f"{place}.{ending}" for ending in ("png", "mp4"))
    typer.echo(result.caption)
    outputs.write(picture, filmstrip.png(filmstrip.filmstrip(view)))
    outputs.write(moving, film.mp4(view))
    typer.echo(f"Picture    {picture}")
    typer.echo(f"Film       {moving}")
