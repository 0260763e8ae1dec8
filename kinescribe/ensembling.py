"""Options and steps of the commands that make several trained models one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Optional

import typer

if TYPE_CHECKING:
    from keras_models.captioner import Captioner
    from keras_models.captioning_model import CaptioningModel
    from keras_models.ensembling.relevance.training import (
        RelevanceResult,
        RelevanceTraining,
    )
    from keras_models.generation import BeamSearch, SearchConfig
    from serving.export.served_config import ServedConfig
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


class Fused(NamedTuple):
    """A late fusion, and the training of the relevance model in it."""

    model: str  # folder of the exported version
    weights: str  # folder of the relevance model's weights
    training: RelevanceResult


def beam_search(width: int, captions: int) -> BeamSearch:
    """Returns a search that is wide enough for the captions that are wanted."""
    from keras_models.generation import BeamSearch

    return BeamSearch(width=max(width, captions), n_best=captions)


def make_ensemble(
    folders: dict[str, str],
    weights: dict[str, float],
    out: str,
    search: SearchConfig,
    served: ServedConfig,
) -> tuple[str, dict[str, float]]:
    """Joins trained models to an ensemble, and exports it.

    Args:
        folders: The members' folders by their names.
        weights: How much members count, where that is not 1.
        out: Folder of the ensemble, whose versions are in `models`.
        search: How captions are written.
        served: What the members compute in; they are sent features.

    Returns:
        The folder of the version, and the members' shares.
    """
    from keras_models.captioning_model import CaptioningModel
    from keras_models.ensembling.ensemble import Ensemble, EnsembleConfig

    captioners, vocabulary = load_members(folders)
    config = EnsembleConfig(
        members={name: captioner.config for name, captioner in captioners.items()},
        weights=weights,
    )
    ensemble = CaptioningModel(Ensemble(config, captioners), vocabulary)
    return _export_version(ensemble, out, search, served), config.shares()


def make_late_fusion(
    folders: dict[str, str],
    training: RelevanceTraining | None,
    records: str,
    out: str,
    search: SearchConfig,
    served: ServedConfig,
) -> Fused:
    """Trains a relevance model, fuses trained models by it, and exports the fusion.

    Args:
        folders: The members' folders by their names.
        training: Settings of the relevance model; by default it reads all that the
            members read. Sentences are as long as theirs.
        records: Folder that an extraction wrote.
        out: Folder of the fusion: versions in `models`, its training in `runs`.
        search: How each member writes captions.
        served: What the members compute in; they are sent features.
    """
    import os

    from keras_models.captioning_model import CaptioningModel
    from keras_models.ensembling.composite import check_compatible
    from keras_models.ensembling.late_fusion import LateFusion, LateFusionConfig
    from keras_models.ensembling.relevance import saving as relevance_saving
    from keras_models.ensembling.relevance.training import (
        RelevanceTraining,
        train_relevance,
    )
    from keras_models.training.callbacks.progress_bar import progress
    from transform.records.dataset import ExtractedDataset

    captioners, vocabulary = load_members(folders)
    dataset = ExtractedDataset(records)
    max_words = next(iter(captioners.values())).max_words
    check_compatible(captioners, dataset.spec, len(vocabulary), max_words)
    if training is None:
        read = [each.config.features() for each in captioners.values()]
        modalities = list(dict.fromkeys(name for names in read for name in names))
        training = RelevanceTraining().override(
            {"relevance": {"modalities": modalities}}
        )
    result = train_relevance(
        training.replace(max_words=max_words),
        dataset.spec,
        dataset.files("train"),
        dataset.files("val"),
        vocabulary,
        os.path.join(out, "runs"),
        callbacks=[progress()],
    )
    config = LateFusionConfig(
        members={name: captioner.config for name, captioner in captioners.items()},
        relevance=training.relevance,
    )
    fusion = CaptioningModel(LateFusion(config, captioners, result.model), vocabulary)
    model = _export_version(fusion, out, search, served)
    weights = os.path.join(out, "models", "relevance")
    relevance_saving.save(result.model, vocabulary, weights)
    return Fused(model, weights, result)


def _export_version(
    model: CaptioningModel, out: str, search: SearchConfig, served: ServedConfig
) -> str:
    """Exports a model as the next version below a folder; returns its folder."""
    import os

    from serving.common import model_versions
    from serving.export.export import export

    version = model_versions.next_version(os.path.join(out, "models"))
    return export(model, version, search, served)
