"""The command `kinescribe audio-words`, which learns an audio codebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kinescribe.extraction_options import (
    BeamOptions,
    RecordsFile,
    Workers,
    override_settings,
)

if TYPE_CHECKING:
    from transform.schema import AudioWords, FeatureSpec


def command(
    config: RecordsFile,
    out: Annotated[
        str,
        typer.Option(
            help="The codebook's file, in place of the feature's `codebook`.",
            show_default=False,
        ),
    ] = "",
    windows: Annotated[
        int, typer.Option(min=1, help="Windows of 25 ms to learn from.")
    ] = 250_000,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the choice of windows, and of k-means.")
    ] = 0,
    workers: Workers = None,
    beam: BeamOptions = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found as JSON.")
    ] = False,
) -> None:
    """Learn the codebook of an audio_words feature from the training clips.

    To be run once, before the features are extracted: the codebook's SHA-256 is part of
    their specification.
    """
    from pipeline import joint_configs
    from transform.jobs import learn_codebook

    settings, _ = joint_configs.find_records(config)
    feature = _only_one(settings.features, config)
    extraction = override_settings(settings.extraction, workers, beam)
    out = out or feature.codebook
    sources = learn_codebook.learn(
        settings.corpus,
        feature,
        out=out,
        settings=extraction,
        windows=windows,
        seed=seed,
    )
    if as_json:
        summary = {"out": out, "words": feature.words, **sources._asdict()}
        typer.echo(json.dumps(summary))
        return

    import rich.console

    console = rich.console.Console(highlight=False, markup=False, soft_wrap=True)
    for reason, clips in sources.reasons.items():
        console.print(f"{clips:,} × {reason}")
    console.print(
        f"{feature.words:,} words from {sources.windows:,} windows of "
        f"{sources.with_sound:,} of {sources.clips:,} training clips are in {out}"
    )


def _only_one(spec: FeatureSpec, config: str) -> AudioWords:
    from transform.common.config import ConfigError
    from transform.schema import AudioWords

    features = [f for f in spec.features if isinstance(f, AudioWords)]
    if len(features) != 1:
        names = ", ".join(feature.name for feature in features)
        raise ConfigError(
            f"{config} should have one feature of kind audio_words; it has "
            f"{names or 'none'}."
        )
    return features[0]
