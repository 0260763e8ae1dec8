"""The command `kinescribe compare-models`: is a model better than another?"""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    first: Annotated[
        str, typer.Argument(help="A model, or a folder of versions: then the newest.")
    ],
    second: Annotated[str, typer.Argument(help="The model that it is held against.")],
    records: Annotated[
        str, typer.Argument(help="Folder of records, as `kinescribe extract` wrote it.")
    ],
    split: Annotated[str, typer.Option(help="Which clips to caption.")] = "test",
    samples: Annotated[
        int, typer.Option(min=100, help="Resampled corpora of the bootstrap.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Makes the bootstrap repeatable.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Fractions as JSON, nothing rounded.")
    ] = False,
) -> None:
    """Compare two models on the same clips, and say how sure the difference is.

    The interval is that of a paired bootstrap: both models are scored on the same
    resampled clips, so that hard clips are hard for both.
    """
    from rich.console import Console

    from kinescribe import comparison_table
    from serving.gates.evidence import Sampling
    from serving.judging.comparing import compare_models
    from transform.records.dataset import ExtractedDataset

    sampling = Sampling(samples=samples, seed=seed)
    with Console(stderr=True).status("Captioning and scoring ..."):
        found = compare_models(
            first, second, ExtractedDataset(records), split, sampling
        )
    comparison_table.show(found, sampling.confidence, as_json)
