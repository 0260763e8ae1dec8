"""`kinescribe import-features`."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or the name of a shipped one; corpus, features and "
            "extraction of a run configuration are enough."
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for the records and the manifest.")],
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes, in place of the configuration's; 0 for as many as pay.",
        ),
    ] = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION",
            help="One of Beam's own options, after the configuration's: "
            "--beam=--runner=FlinkRunner; may be repeated.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON.")
    ] = False,
) -> None:
    """Turn features that exist already into records, without the videos.

    Each feature of kind `imported` says by `files` where it lies: a .npy or .npz file a
    clip, or an HDF5 file for all. Features of the clips themselves are joined to
    imported ones by `kinescribe extract` and `kinescribe run`.
    """
    from kinescribe import outcome
    from pipeline import configs
    from transform import beam_jobs
    from transform.config import ConfigError
    from transform.import_features import needs_clips

    settings = configs.find_records(config)
    for feature in settings.features.features:
        if needs_clips(settings.features.replace(features=(feature,))):
            raise ConfigError(
                f"feature {feature.name} is not imported but made from the clips: "
                "`kinescribe extract` makes such features, and joins imported ones to "
                "them."
            )
    extraction = settings.extraction
    if workers is not None:
        extraction = extraction.replace(workers=workers)
    if beam:
        options = (*extraction.beam_options, *beam)
        extraction = extraction.replace(beam_options=options)
    manifest = beam_jobs.extract(
        settings.corpus,
        settings.features,
        store=out,  # nothing is extracted, and nothing stored
        out=out,
        settings=extraction,
    )
    outcome.show(manifest, out, as_json)
