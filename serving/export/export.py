"""Exports a trained captioner as a SavedModel."""

from __future__ import annotations

import json
import os
import posixpath
import tempfile
import uuid
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_models.captioning_model import CaptioningModel
from keras_models.generation import SearchConfig
from keras_models.inference.int8 import int8_inference
from keras_models.inference.kernel_layouts import packed_kernels
from keras_models.inference.precision import check_precision_supported
from serving.common import signature_names
from serving.common.errors import ServingError
from serving.common.model_versions import read_spec
from serving.common.weights_digest import write_settings
from serving.export import signatures, warmup
from serving.export.frames import blank_inputs
from serving.export.served_config import AS_TRAINED, ServedConfig
from transform.common import storage
from transform.records.tokenizers import Words

__all__ = ["export", "read_spec"]


def export(
    model: CaptioningModel,
    folder: str | os.PathLike[str],
    search: SearchConfig,
    served: ServedConfig = AS_TRAINED,
    examples: Sequence[bytes] = (),
) -> str:
    """Writes a SavedModel whose graph generates whole captions, wholly or not at all.

    Args:
        model: The model; records of another specification than its own are refused.
        folder: Folder of the SavedModel; must not exist, or be empty.
        search: How captions are searched for.
        served: What it computes in, and whether callers can send it pictures
            (`caption_frames`).
        examples: Serialized records to warm a server up with; a blank clip by default.

    Returns:
        `folder`.
    """
    target = os.fspath(folder).rstrip("/")
    if storage.names_in(target):
        raise ServingError(
            f"{target} is there already and not empty; export to a new folder."
        )
    precision = served.precision
    check_precision_supported(precision)
    inference = int8_inference if precision == "int8" else packed_kernels
    if precision is not None:
        model = model.with_precision("float32" if precision == "int8" else precision)
    module = signatures.CaptionModule(model, search, served.frames)
    partial = f"{target}.partial-{uuid.uuid4().hex[:8]}"
    try:
        with tempfile.TemporaryDirectory() as assets:
            model.vocabulary.to_file(
                posixpath.join(assets, signature_names.VOCABULARY_ASSET)
            )
            with open(posixpath.join(assets, signature_names.SPEC_ASSET), "w") as file:
                file.write(model.spec.to_json())
            module.assets = [
                tf.saved_model.Asset(posixpath.join(assets, name))
                for name in (
                    signature_names.VOCABULARY_ASSET,
                    signature_names.SPEC_ASSET,
                )
            ]
            with inference(model.captioner):
                tf.saved_model.save(module, partial, signatures=module.signatures())
        blank = [warmup.blank_example(model.spec)] * 4
        name = signature_names.MODEL_NAME
        calls = [*warmup.requests(name, model.spec, list(examples) or blank)]
        if served.frames:
            calls.append(
                warmup.request(
                    name,
                    signature_names.CAPTION_FRAMES_SIGNATURE,
                    blank_inputs(model.spec),
                )
            )
        warmup.write(partial, calls)
        settings: dict[str, Any] = {"search": search.to_dict(), **served.hashed()}
        if (tokenizer := model.vocabulary.tokenizer) != Words():
            settings["tokenizer"] = tokenizer.to_dict()
        write_settings(partial, json.dumps(settings, sort_keys=True))
        storage.remove(target)
        tf.io.gfile.rename(partial, target)
    finally:
        storage.remove(partial)
    return target
