"""Initialises a model with the weights of an earlier one."""

from __future__ import annotations

import pathlib

import numpy as np

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.captioning_model import CaptioningModel
from transform.common.config import first_difference
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec


class WarmStartError(KinescribeError):
    """The weights of an earlier model do not fit a new one."""


def check(
    folder: str | pathlib.Path, config: CaptionerConfig, spec: FeatureSpec
) -> None:
    """Checks that a new model could be initialised with a saved one's weights.

    Raises:
        LoadError: There is no model in the folder.
        SpecMismatchError: It reads other features.
        WarmStartError: It has other parts.
    """
    _check_same_parts(folder, CaptioningModel.load(folder).captioner, config, spec)


def copy_weights(folder: str | pathlib.Path, model: CaptioningModel[Captioner]) -> int:
    """Copies the weights of a saved model into another one.

    The vocabularies may differ, as they do once captions were added: what belongs to a
    word goes with the word, and new words keep the weights that they have.

    Args:
        folder: A folder that `CaptioningModel.save` wrote.
        model: The model whose weights are changed.

    Returns:
        How many words both models know.

    Raises:
        LoadError, SpecMismatchError, WarmStartError: As `check`.
    """
    saved = CaptioningModel.load(folder)
    captioner, source = model.captioner, saved.captioner
    _check_same_parts(folder, source, captioner.config, captioner.spec)
    rows = {word: row for row, word in enumerate(saved.vocabulary.words)}
    words = model.vocabulary.words
    shared = [(row, rows[word]) for row, word in enumerate(words) if word in rows]
    new, old = (list(side) for side in zip(*shared, strict=True))
    for target, weight, axis in zip(
        captioner.weights,
        source.weights,
        vocabulary_axes(captioner),
        strict=True,
    ):
        values = target.numpy()
        if axis is None:
            values = weight.numpy()
        else:
            at = (slice(None),) * axis
            values[at + (new,)] = np.take(weight.numpy(), old, axis)  # noqa: RUF005
        target.assign(values)
    return len(shared)


def _check_same_parts(
    folder: str | pathlib.Path,
    source: Captioner,
    config: CaptionerConfig,
    spec: FeatureSpec,
) -> None:
    spec.check_same(source.spec, ours="the new model", theirs=f"the one in {folder}")
    if difference := first_difference(config.to_dict(), source.config.to_dict()):
        raise WarmStartError(
            f"the model in {folder} has other parts than the new one: {difference}."
        )


def vocabulary_axes(captioner: Captioner) -> list[int | None]:
    """Returns the axis of each weight that runs over the vocabulary, if it has one."""
    axes = {
        id(weight): layer.vocabulary_axis % weight.shape.rank
        for layer in captioner.submodules
        if hasattr(layer, "vocabulary_axis")
        for weight in layer.weights
    }
    return [axes.get(id(weight)) for weight in captioner.weights]
