"""What a pipeline has pushed, byte by byte."""

import pathlib


def pushed_files(config) -> dict[pathlib.Path, bytes]:
    """The content of every file of every version of a pipeline."""
    place = pathlib.Path(config.push_destination)
    return {p: p.read_bytes() for p in place.glob("[0-9]*/**/*") if p.is_file()}
