"""A trained captioner as a folder; see `keras_models.saving.model_folder`."""

from __future__ import annotations

import pathlib

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.saving import model_folder
from keras_models.saving.model_folder import MODEL, VOCABULARY, LoadError
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

__all__ = ["MODEL", "VOCABULARY", "LoadError", "load", "save"]


class _Captioner(model_folder.Description):
    config: CaptionerConfig
    spec: FeatureSpec
    max_words: int


def save(
    captioner: Captioner, vocabulary: Vocabulary, folder: str | pathlib.Path
) -> None:
    """Writes a model that `load` reads; replaces the one that may be there.

    A reader, or a run that was killed, always finds the former model or the new one.
    """
    model_folder.write(
        folder,
        _Captioner,
        captioner,
        vocabulary,
        config=captioner.config,
        spec=captioner.spec,
        max_words=captioner.max_words,
    )


def load(folder: str | pathlib.Path) -> tuple[Captioner, Vocabulary]:
    """Reads what `save` wrote: the same captioner, and its vocabulary.

    Raises:
        LoadError: There is no whole captioner in the folder.
    """
    found, vocabulary = model_folder.read(folder, _Captioner)
    captioner = Captioner(found.config, found.spec, len(vocabulary), found.max_words)
    captioner.build_from_spec()
    model_folder.read_weights(folder, found, captioner)
    return captioner, vocabulary
