"""`kinescribe fuse`: a late fusion of trained models."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kinescribe import ensembling


def command(
    members: ensembling.Members,
    records: Annotated[
        str, typer.Option(help="Folder that `kinescribe extract` wrote.")
    ],
    out: Annotated[str, typer.Option(help="Folder for the fused model.")],
    settings: Annotated[
        str,
        typer.Option(
            help="A YAML file of the relevance model's settings; by default it reads "
            "all that the members read."
        ),
    ] = "",
    width: Annotated[int, typer.Option(min=1, help="Width of each member's beam.")] = 5,
    captions: Annotated[
        int, typer.Option(min=1, help="How many captions of each member compete.")
    ] = 1,
    precision: ensembling.Precision = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON.")
    ] = False,
) -> None:
    """Fuse trained models: of their captions the most relevant one is kept.

    Trains the relevance model that judges them, on the same records; the members stay
    as they are. A training that was stopped goes on where it was.
    """
    import os

    folders = ensembling.member_folders(members)

    from keras_models.captioning_model import CaptioningModel
    from keras_models.ensembling.composite import check_compatible
    from keras_models.ensembling.late_fusion import LateFusion, LateFusionConfig
    from keras_models.ensembling.relevance import saving as relevance_saving
    from keras_models.ensembling.relevance.training import (
        RelevanceTraining,
        train_relevance,
    )
    from keras_models.training.callbacks.progress_bar import ProgressBar
    from transform.records.dataset import ExtractedDataset

    captioners, vocabulary = ensembling.load_members(folders)
    dataset = ExtractedDataset(records)
    spec = dataset.spec
    max_words = next(iter(captioners.values())).max_words
    check_compatible(captioners, spec, len(vocabulary), max_words)
    if settings:
        training = RelevanceTraining.from_yaml(settings)
    else:
        read = [each.config.features() for each in captioners.values()]
        modalities = list(dict.fromkeys(name for names in read for name in names))
        training = RelevanceTraining().override(
            {"relevance": {"modalities": modalities}}
        )
    training = training.replace(max_words=max_words)
    train_files, val_files = dataset.files("train"), dataset.files("val")
    result = train_relevance(
        training,
        spec,
        train_files,
        val_files,
        vocabulary,
        os.path.join(out, "runs"),
        callbacks=[ProgressBar()],
    )
    config = LateFusionConfig(
        members={name: captioner.config for name, captioner in captioners.items()},
        relevance=training.relevance,
    )
    fusion = CaptioningModel(LateFusion(config, captioners, result.model), vocabulary)
    models = os.path.join(out, "models")
    model = ensembling.export_version(fusion, models, width, captions, precision)
    weights = os.path.join(models, "relevance")
    relevance_saving.save(result.model, vocabulary, weights)
    if as_json:
        outcome = {
            "model": model,
            "weights": weights,
            "run": result.folder,
            "validation_mean_reciprocal_rank": result.score,
            "epochs": len(result.history),
        }
        typer.echo(json.dumps(outcome))
        return

    import rich.console
    import rich.table

    table = rich.table.Table.grid(padding=(0, 2))
    table.add_row("Validation", f"mean reciprocal rank {result.score:.3f}")
    table.add_row("Model", model)
    table.add_row("History", os.path.join(result.folder, "history.csv"))
    rich.console.Console().print(table, soft_wrap=True)
