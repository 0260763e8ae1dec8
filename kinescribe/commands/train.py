"""`kinescribe train`: trains a model on extracted records."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kinescribe import preflight, run_options, starter_model


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or the name of a shipped one; none with --preset.",
            show_default=False,
        ),
    ] = "",
    records: Annotated[
        str,
        typer.Option(
            help="Folder that `kinescribe extract` wrote; <root>/records of the "
            "configuration by default."
        ),
    ] = "",
    out: Annotated[
        str,
        typer.Option(help="Folder for the model; <root>/trained by default."),
    ] = "",
    vocabulary: Annotated[
        str,
        typer.Option(
            help="A file of words, one a line; by default those of the training "
            "captions that occur often enough."
        ),
    ] = "",
    begin_with: Annotated[
        str,
        typer.Option(
            help="Initial weights: <out>/models/captioner of another training, or "
            "starter."
        ),
    ] = "",
    preset: run_options.PresetName = "",
    seed: run_options.Seed = None,
    settings: run_options.Settings = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON.")
    ] = False,
) -> None:
    """Train a model on extracted records, without a pipeline around it.

    A training that was stopped is resumed when it is started again.
    """
    if bool(config) == bool(preset):
        raise typer.BadParameter("give a configuration or --preset, one of them")
    if config:
        arguments = run_options.RunArguments(
            config, seed=seed, settings=tuple(settings or ())
        )
        preflight.require("train", arguments)

    import os

    from keras_models.data.records import RecordDataset
    from keras_models.training.callbacks.progress_bar import progress
    from keras_models.training.callbacks.tensorboard import TensorBoard
    from pipeline import configs, published_runs
    from serving.common import model_versions
    from serving.export.train_and_export import (
        TrainerSettings,
        captioner_folder,
        train_and_export,
    )
    from transform.common import outputs
    from transform.records.dataset import ExtractedDataset
    from transform.records.vocabulary import Vocabulary

    if preset:
        if not (records and out):
            raise typer.BadParameter("--preset needs --records and --out")
        run = run_options.override(
            published_runs.any_configuration(preset),
            seed,
            settings,
            features=ExtractedDataset(records).spec.to_dict(),
        )
    else:
        run = run_options.override(configs.find(config), seed, settings)
    run.training.distribution.strategy()  # workers meet before all else
    records = records or os.path.join(run.root, "records")
    out = out or os.path.join(run.root, "trained")
    outputs.refuse_patterns(outputs.require_folder(out))
    dataset = ExtractedDataset(records)
    spec = dataset.spec
    train_files, val_files = dataset.files("train"), dataset.files("val")
    if vocabulary:
        words = Vocabulary.from_file(vocabulary, run.vocabulary.tokenizer)
    else:
        words = RecordDataset(train_files, spec).vocabulary(
            run.vocabulary.min_count, run.vocabulary.tokenizer
        )
    model = model_versions.next_version(os.path.join(out, "models"))
    result = train_and_export(
        TrainerSettings(
            training=run.training,
            search=run.search,
            served=run.served,
            workdir=os.path.join(out, "runs"),
        ),
        spec,
        train_files,
        val_files,
        words,
        model,
        callbacks=[progress(), TensorBoard()],
        init_checkpoint=starter_model.weights(begin_with),
    )
    if as_json:
        outcome = {
            "model": model,
            "weights": captioner_folder(model),
            "run": result.folder,
            "validation_cider_d": result.score,
            "epochs": len(result.history),
            "words": len(words),
        }
        typer.echo(json.dumps(outcome))
        return

    import rich.console
    import rich.table

    table = rich.table.Table.grid(padding=(0, 2))
    table.add_row("Validation", f"CIDEr-D {result.score:.3f}")
    table.add_row("Model", model)
    table.add_row("Weights", captioner_folder(model))
    table.add_row("History", os.path.join(result.folder, "history.csv"))
    rich.console.Console(markup=False).print(table, soft_wrap=True)
