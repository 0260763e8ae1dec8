"""`kinescribe fuse`."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Optional

import typer


def command(
    members: Annotated[
        list[str],
        typer.Argument(
            help="Two or more models as name=folder, where a folder is the "
            "models/captioner of a training."
        ),
    ],
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
    precision: Annotated[
        Optional[Literal["float32", "mixed_bfloat16", "mixed_float16"]],
        typer.Option(help="What the members compute in; by default float32."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON.")
    ] = False,
) -> None:
    """Fuse trained models: of their captions the most relevant one is kept.

    Trains the relevance model that judges them, on the same records; the members stay
    as they are. A training that was stopped goes on where it was.
    """
    import os

    from components.report.build import read_spec
    from keras_models import late_fusion, model_folder, saving
    from keras_models.fused_variant import FusedVariant
    from keras_models.listeners.progress import ProgressBar
    from keras_models.relevance import saving as relevance_saving
    from keras_models.relevance.training import RelevanceTraining, train_relevance
    from keras_models.search import Beam
    from serving import model_folders
    from serving.export import export
    from transform.errors import KinescribeError

    pairs = [member.partition("=") for member in members]
    if len({name for name, _, _ in pairs}) < max(2, len(pairs)) or not all(
        name and folder for name, _, folder in pairs
    ):
        raise typer.BadParameter(
            "give two or more models under different names, as name=folder",
            param_hint="members",
        )
    loaded = {name: saving.load(folder) for name, _, folder in pairs}
    captioners = {name: captioner for name, (captioner, _) in loaded.items()}
    vocabularies = [vocabulary for _, vocabulary in loaded.values()]
    if len({vocabulary.digest for vocabulary in vocabularies}) > 1:
        raise KinescribeError(
            "the models were trained with different vocabularies; train them with one, "
            f"for example `--vocabulary {pairs[0][2]}/{model_folder.VOCABULARY}`."
        )
    vocabulary, spec = vocabularies[0], read_spec(records)
    max_words = next(iter(captioners.values())).max_words
    late_fusion.require_alike(captioners, spec, len(vocabulary), max_words)
    if settings:
        training = RelevanceTraining.from_yaml(settings)
    else:
        read = [each.variant.features() for each in captioners.values()]
        modalities = list(dict.fromkeys(name for names in read for name in names))
        training = RelevanceTraining().override(
            {"relevance": {"modalities": modalities}}
        )
    training = training.replace(max_words=max_words)
    train_files, val_files = (
        [os.path.join(records, f"Split-{split}", "*")] for split in ("train", "val")
    )
    result = train_relevance(
        training,
        spec,
        train_files,
        val_files,
        vocabulary,
        os.path.join(out, "runs"),
        listeners=[ProgressBar()],
    )
    variants = {name: captioner.variant for name, captioner in captioners.items()}
    systems = dict.fromkeys(variant.system for variant in variants.values())
    fused = FusedVariant(
        system=", ".join(systems),
        row=f"late fusion of {' and '.join(variants)}",
        members=variants,
        relevance=training.relevance,
    )
    fusion = late_fusion.LateFusion(fused, captioners, result.model)
    models = os.path.join(out, "models")
    version = max(model_folders.complete_versions(models), default=0) + 1
    model = os.path.join(models, str(version))
    export(
        fusion,
        vocabulary,
        spec,
        model,
        Beam(width=max(width, captions), n_best=captions),
        precision=precision,
    )
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
