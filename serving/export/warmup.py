"""Warm-up requests, which a server replays before a new version goes live."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
)

from serving.common import signature_names
from transform import schema
from transform.records import example_codec, tfrecords
from transform.schema import FeatureSpec

# TensorFlow Serving's own place and name.
PATH = "assets.extra/tf_serving_warmup_requests"


def blank_clip(spec: FeatureSpec) -> dict[str, np.ndarray]:
    """Returns the features of a clip of full length, all zeros."""
    return {
        tensor.name: np.zeros((tensor.max_steps, *tensor.step_shape), tensor.dtype)
        for tensor in spec.tensors()
    }


def blank_example(spec: FeatureSpec) -> bytes:
    """Returns the serialized record of a `blank_clip`."""
    video = example_codec.VideoExample("blank", (), blank_clip(spec))
    return example_codec.to_example(video, spec).SerializeToString()


def requests(
    model_name: str, spec: FeatureSpec, examples: Sequence[bytes]
) -> Iterator[predict_pb2.PredictRequest]:
    """Yields one request for every signature, and a batch of all examples.

    TensorFlow optimises the graph at the first call of a signature, whatever the batch.
    """
    by_record = signature_names.CAPTION_EXAMPLES_SIGNATURE
    yield request(model_name, by_record, {signature_names.EXAMPLES: examples[:1]})
    yield request(model_name, by_record, {signature_names.EXAMPLES: examples})
    blank: dict[str, object] = {schema.SPEC_HASH: [spec.content_hash]}
    for name, values in blank_clip(spec).items():
        blank[name] = values[None]
        blank[signature_names.mask_name(name)] = np.ones((1, len(values)), bool)
    yield request(model_name, signature_names.CAPTION_SIGNATURE, blank)
    yield request(
        model_name,
        signature_names.FEATURE_SPEC_SIGNATURE,
        {signature_names.REQUEST: [b""]},
    )


def write(folder: str, calls: Iterable[predict_pb2.PredictRequest]) -> None:
    """Writes requests into a SavedModel's folder, as TensorFlow Serving reads them."""
    path = posixpath.join(folder, PATH)
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for call in calls:
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=call)
            )
            writer.write(log.SerializeToString())


def read(folder: str) -> list[predict_pb2.PredictRequest]:
    """Reads the requests that `write` wrote; an absent file gives none."""
    path = posixpath.join(folder, PATH)
    if not tf.io.gfile.exists(path):
        return []
    return [
        prediction_log_pb2.PredictionLog.FromString(data.numpy()).predict_log.request
        for data in tfrecords.records_of(path)
    ]


def request(
    model_name: str,
    signature: str,
    inputs: Mapping[str, object],
    version: int | None = None,
) -> predict_pb2.PredictRequest:
    """Returns a call of a signature.

    Args:
        model_name: Name of the model on the server.
        signature: Name of the signature.
        inputs: Arrays, or values that can be converted to them, by name.
        version: The version that is asked for; None for the newest.
    """
    return predict_pb2.PredictRequest(
        model_spec=model_spec(model_name, signature, version),
        inputs={name: tf.make_tensor_proto(values) for name, values in inputs.items()},
    )


def model_spec(
    model_name: str, signature: str = "", version: int | None = None
) -> model_pb2.ModelSpec:
    """Returns what a call says of the model that it is for, as `request` has it."""
    spec = model_pb2.ModelSpec(name=model_name, signature_name=signature)
    if version is not None:
        spec.version.value = version
    return spec
