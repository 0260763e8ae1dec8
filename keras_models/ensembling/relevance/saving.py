"""A trained relevance model as a folder; see `keras_models.saving.model_folder`."""

from __future__ import annotations

import pathlib

from keras_models.ensembling.relevance.model import RelevanceConfig, RelevanceModel
from keras_models.saving import model_folder
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


class _Relevance(model_folder.Description):
    config: RelevanceConfig
    spec: FeatureSpec
    max_words: int


def save(
    model: RelevanceModel, vocabulary: Vocabulary, folder: str | pathlib.Path
) -> None:
    """Writes a model that `load` reads; replaces the one that may be there."""
    model_folder.write(
        folder,
        _Relevance,
        model,
        vocabulary,
        config=model.config,
        spec=model.spec,
        max_words=model.max_words,
    )


def load(folder: str | pathlib.Path) -> tuple[RelevanceModel, Vocabulary]:
    """Reads what `save` wrote: the same model, and its vocabulary.

    Raises:
        LoadError: There is no whole relevance model in the folder.
    """
    found, vocabulary = model_folder.read(folder, _Relevance)
    model = RelevanceModel(found.config, found.spec, len(vocabulary), found.max_words)
    model.build_from_spec()
    model_folder.read_weights(folder, found, model)
    return model, vocabulary
