"""Saves a relevance model as a folder of `keras_models.saving.model_folder`."""

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
    """Writes a model that `load` reads, in place of one that is there."""
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
    """Reads the model and the vocabulary that `save` wrote.

    Raises:
        LoadError: There is no whole relevance model in the folder.
    """
    description, vocabulary = model_folder.read(folder, _Relevance)
    model = RelevanceModel(
        description.config, description.spec, len(vocabulary), description.max_words
    )
    model.build_from_spec()
    model_folder.read_weights(folder, description, model)
    return model, vocabulary
