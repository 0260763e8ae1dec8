"""What holds for every model that is exported; vocabulary as in `tiny`."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.ensembling.composite import CompositeCaptioner
from keras_models.generation import SearchConfig
from keras_models.structs import VideoBatch
from serving.common import signature_names
from serving.export.export import export
from tests.support import tiny
from transform.records import example_codec
from transform.schema import FeatureSpec


def nodes(folder: pathlib.Path) -> list[node_def_pb2.NodeDef]:
    """Those of all functions of an exported model."""
    saved = saved_model_pb2.SavedModel.FromString(
        (folder / "saved_model.pb").read_bytes()
    )
    library = saved.meta_graphs[0].graph_def.library
    return [node for function in library.function for node in function.node_def]


def computes_in_bfloat16(folder: pathlib.Path) -> bool:
    """Whether an exported model multiplies in that precision."""
    products = [node for node in nodes(folder) if node.op == "MatMul"]
    return types_pb2.DT_BFLOAT16 in {node.attr["T"].type for node in products}


def check(
    model: Captioner | CompositeCaptioner,
    video: VideoBatch,
    search: SearchConfig,
    folder: pathlib.Path,
    **close: float,
) -> dict:
    """Exports a model, which has core ops only then and says what it said before.

    Returns:
        Its signatures.
    """
    export(CaptioningModel(model, tiny.VOCABULARY), folder, search)
    ops = {node.op for node in nodes(folder)}
    assert "While" in ops or "StatelessWhile" in ops
    assert not [op for op in ops if ">" in op]

    signatures = tf.saved_model.load(str(folder)).signatures
    serialized = tf.constant(examples(video, model.spec))
    outputs = signatures["caption_examples"](examples=serialized)
    written = model.caption(video, search)
    found = written.captions
    texts = tiny.VOCABULARY.decode(found.tokens).numpy()
    assert outputs[signature_names.CAPTIONS].numpy().tolist() == texts.tolist()
    expected = {signature_names.LOG_PROBS: found.log_probs, **written.extras}
    for name, weights in (found.weights | written.weights).items():
        expected[signature_names.ATTENTION + name] = weights
    for name, values in expected.items():
        if values.dtype == tf.string:
            np.testing.assert_array_equal(outputs[name], values)
        else:
            np.testing.assert_allclose(outputs[name], values, **close)
    return signatures


def examples(video: VideoBatch, spec: FeatureSpec) -> list[bytes]:
    """The clips as records."""
    found = []
    for clip, name in enumerate(video.video_id.numpy()):
        features = {
            key: values[clip][video.masks[key][clip]].numpy()
            for key, values in video.features.items()
        }
        example = example_codec.VideoExample(name.decode(), (), features)
        found.append(example_codec.to_example(example, spec).SerializeToString())
    return found
