"""Options that the commands which run extraction jobs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from transform.jobs.extraction_settings import ExtractionSettings

RecordsFile = Annotated[
    str,
    typer.Argument(
        help="A YAML file, or the name of a shipped one; corpus, features and "
        "extraction of a run configuration are enough."
    ),
]
Workers = Annotated[
    Optional[int],
    typer.Option(
        min=0,
        help="Processes, in place of the configuration's; 0 for as many as pay.",
    ),
]
BeamOptions = Annotated[
    Optional[list[str]],
    typer.Option(
        metavar="OPTION",
        help="One of Beam's own options, after the configuration's: "
        "--beam=--runner=FlinkRunner; may be repeated.",
    ),
]


def override_settings(
    settings: ExtractionSettings, workers: int | None, beam: list[str] | None
) -> ExtractionSettings:
    """Returns a configuration's settings, overridden by the command line's options."""
    if workers is not None:
        settings = settings.replace(workers=workers)
    if beam:
        settings = settings.replace(beam_options=(*settings.beam_options, *beam))
    return settings
