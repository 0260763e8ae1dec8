"""`LocalModel`: captions with an exported model in this process."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf

from keras_models import weight_axes
from keras_models.weight_axes import NamedAxes
from serving.client.base import ClipCaptioner
from serving.common import errors, model_versions, saved_model_ops, signature_names
from serving.common.errors import RefusedError, ServingError
from transform.common import outputs, storage
from transform.records.tokenizers import Tokenizer
from transform.schema import FeatureSpec


class LocalModel(ClipCaptioner):
    """Captions with a SavedModel on disk.

    Args:
        folder: An exported model, or a folder of numbered versions of one: then the
            newest is taken.
        any_ops: Whether to load a model whose ops could touch files, which is to trust
            whoever made it as one trusts the author of a program.
    """

    def __init__(self, folder: str | os.PathLike[str], any_ops: bool = False):
        self._base = os.fspath(folder)
        self._any_ops = any_ops
        self._folder = ""
        self.refresh()

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the model's features."""
        return self._spec

    @property
    def tokenizer(self) -> Tokenizer:
        """What splits captions into the model's words."""
        return self._tokenizer

    @property
    def weight_axes(self) -> NamedAxes:
        """What each of a result's attention weights is about, by name."""
        return self._weight_axes

    def refresh(self) -> None:
        """Loads the newest version, unless that is loaded already."""
        folder = model_versions.resolve(self._base)
        if folder == self._folder:
            return
        spec = model_versions.read_spec(folder)
        tokenizer = model_versions.read_tokenizer(folder)
        outputs.refuse_patterns(folder)
        if not self._any_ops:
            saved_model_ops.check_ops(folder)
        try:
            self._model = tf.saved_model.load(folder)
        except storage.DAMAGED as error:
            raise ServingError(
                f"the model in {folder} cannot be loaded: {errors.one_sentence(error)}"
            ) from error
        name = signature_names.FEATURE_SPEC_SIGNATURE
        if name not in self._model.signatures:
            raise ServingError(
                f"the model in {folder} lacks the signature {name}: it was not "
                "exported by Kinescribe, or by an old one."
            )
        described = self._model.signatures[name](
            **{signature_names.REQUEST: tf.constant([b""])}
        )
        text = described[signature_names.ATTENTION_JSON][0].numpy().decode()
        self._weight_axes = weight_axes.from_json(text)
        self._spec, self._tokenizer, self._folder = spec, tokenizer, folder

    def _signatures(self) -> Collection[str]:
        return self._model.signatures.keys()

    def _call(self, signature: str, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        function = self._model.signatures[signature]
        try:
            outputs = function(
                **{signature_names.EXAMPLES: tf.constant(list(examples))}
            )
        except tf.errors.InvalidArgumentError as error:
            raise RefusedError(
                f"the model in {self._folder} refuses: {errors.one_sentence(error)}"
            ) from error
        return {name: tensor.numpy() for name, tensor in outputs.items()}
