"""What the commands share that join trained models into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

if TYPE_CHECKING:
    from keras_models.captioner import Captioner
    from keras_models.ensembling.composite import CompositeCaptioner
    from transform.records.vocabulary import Vocabulary

Members = Annotated[
    list[str],
    typer.Argument(
        help="Two or more models as name=folder, where a folder is the "
        "models/captioner of a training."
    ),
]
Precision = Annotated[
    Optional[Literal["float32", "mixed_bfloat16", "mixed_float16", "int8"]],
    typer.Option(help="What the members compute in; by default float32."),
]


def folders(members: list[str]) -> dict[str, str]:
    """The members' folders by their names."""
    pairs = [member.partition("=") for member in members]
    found = {name: folder for name, _, folder in pairs if name and folder}
    if len(found) < max(2, len(pairs)):
        raise typer.BadParameter(
            "give two or more models under different names, as name=folder",
            param_hint="members",
        )
    return found


def load(folders: dict[str, str]) -> tuple[dict[str, Captioner], Vocabulary]:
    """The members by their names, and the vocabulary that all of them have."""
    from keras_models.saving import captioner as saving
    from keras_models.saving import model_folder
    from transform.common.errors import KinescribeError

    loaded = {name: saving.load(folder) for name, folder in folders.items()}
    vocabularies = [vocabulary for _, vocabulary in loaded.values()]
    if len({vocabulary.digest for vocabulary in vocabularies}) > 1:
        first = next(iter(folders.values()))
        raise KinescribeError(
            "the models were trained with different vocabularies; train them with one, "
            f"for example `--vocabulary {first}/{model_folder.VOCABULARY}`."
        )
    captioners = {name: captioner for name, (captioner, _) in loaded.items()}
    return captioners, vocabularies[0]


def write(
    model: CompositeCaptioner,
    vocabulary: Vocabulary,
    models: str,
    width: int,
    captions: int,
    precision: Precision,
) -> str:
    """Exports the next version of the folder `models`; returns the version's own."""
    from keras_models.generation import BeamSearch
    from serving import model_versions
    from serving.export.export import export

    return export(
        model,
        vocabulary,
        model.spec,
        model_versions.next_version(models),
        BeamSearch(width=max(width, captions), n_best=captions),
        precision=precision,
    )
