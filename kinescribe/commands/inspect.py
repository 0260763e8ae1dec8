"""The command `kinescribe inspect`, which decodes a clip and describes it."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def command(
    clip: Annotated[str, typer.Argument(help="A video file, or its URI.")],
    start: Annotated[
        Optional[float], typer.Option(help="Where the clip begins, in seconds.")
    ] = None,
    end: Annotated[
        Optional[float], typer.Option(help="Where the clip ends, in seconds.")
    ] = None,
    frames: Annotated[
        int,
        typer.Option(min=1, help="Key frames that are wanted; with fewer it is short."),
    ] = 20,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output.")
    ] = False,
) -> int:
    """Decode a clip whole and tell what it holds and what is damaged.

    The exit code is 1 if nothing can be decoded, and 0 else.
    """
    from serving.client.local_clips import local_clip
    from transform.common.location import Location
    from transform.video import reader
    from transform.video.video_info import DecodeError

    clip = Location(clip)
    clip.refuse_web()
    with local_clip(clip) as copy:
        info = reader.inspect(copy, start, end, wanted=frames)
    if json:
        import json as codec

        print(codec.dumps({"clip": clip, **info._asdict()}, ensure_ascii=False))
        return int(info.status == "failed")
    if info.status == "failed":
        raise DecodeError(clip, info.reason)

    import rich.console
    import rich.table
    import rich.text

    turned = f", turned by {info.rotation}°" if info.rotation else ""
    if info.pixel_aspect != 1:
        turned += f", of pixels {info.pixel_aspect:.4g} times as wide as high"
    rows = {
        "status": info.status + (f" ({info.reason})" if info.reason else ""),
        "frames": str(info.frames),
        "packets lost": str(info.packets_lost),
        "length": f"{info.seconds:.2f} s at {info.fps:.2f} frames a second"
        if info.fps
        else "one picture",
        "size": f"{info.width} × {info.height}{turned}",
        "codec": f"{info.codec}, {info.pixel_format}",
        "sound": info.audio or "none",
    }
    table = rich.table.Table(title=rich.text.Text(clip), show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    rich.console.Console(markup=False).print(table)
    return 0
