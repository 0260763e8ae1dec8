"""Options and steps of the commands that make several trained models one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

if TYPE_CHECKING:
    from keras_models.captioner import Captioner
    from keras_models.captioning_model import CaptioningModel
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


def member_folders(members: list[str]) -> dict[str, str]:
    """Parses the arguments `name=folder`; returns the folders by their names."""
    pairs = [member.partition("=") for member in members]
    folders = {name: folder for name, _, folder in pairs if name and folder}
    if len(folders) < max(2, len(pairs)):
        raise typer.BadParameter(
            "give two or more models under different names, as name=folder",
            param_hint="members",
        )
    return folders


def load_members(folders: dict[str, str]) -> tuple[dict[str, Captioner], Vocabulary]:
    """Loads the members, which must have one vocabulary.

    Returns:
        The captioners by their names, and the vocabulary.

    Raises:
        KinescribeError: The models have different vocabularies.
        LoadError: A folder holds no model.
    """
    from keras_models.captioning_model import CaptioningModel
    from keras_models.saving import model_folder
    from transform.common.errors import KinescribeError

    members = {name: CaptioningModel.load(folder) for name, folder in folders.items()}
    vocabularies = [member.vocabulary for member in members.values()]
    if len({vocabulary.digest for vocabulary in vocabularies}) > 1:
        first = next(iter(folders.values()))
        raise KinescribeError(
            "the models were trained with different vocabularies; train them with one, "
            f"for example `--vocabulary {first}/{model_folder.VOCABULARY}`."
        )
    captioners = {name: member.captioner for name, member in members.items()}
    return captioners, vocabularies[0]


def export_version(
    model: CaptioningModel,
    models: str,
    width: int,
    captions: int,
    precision: Precision,
) -> str:
    """Exports a model as the next version in the folder `models`.

    Returns:
        The folder of the version.
    """
    from keras_models.generation import BeamSearch
    from serving import model_versions
    from serving.export.export import export

    return export(
        model,
        model_versions.next_version(models),
        BeamSearch(width=max(width, captions), n_best=captions),
        precision=precision,
    )
