"""`Servable`: one loaded version of a model."""

from __future__ import annotations

import gc
import logging
import posixpath
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from serving.common import errors, model_versions, saved_model_ops, signature_names
from serving.common.errors import ServingError
from serving.export import warmup
from serving.server import records
from serving.server.batching import Answer, Batcher
from serving.server.config import BatchingConfig, ServerConfig
from serving.server.refusals import Code, RefusalError
from transform.common import outputs
from transform.schema import FeatureSpec

LOG = logging.getLogger("kinescribe.serving")

Signature = Any  # a loaded tf.types.experimental.ConcreteFunction
Arrays = Mapping[str, np.ndarray]


class Servable:
    """One loaded version of a model.

    A signature is batched if the leading axis of all its inputs and outputs is free;
    any other runs as it is called.

    Args:
        version: Its number.
        folder: The SavedModel.
        batching: How requests share runs.
        observe_batch: Called with the number of rows of every run.
    """

    def __init__(
        self,
        version: int,
        folder: str,
        batching: BatchingConfig,
        observe_batch: Callable[[int], None] = lambda rows: None,
    ):
        self.version = version
        self.signature_defs = _signature_defs(folder)
        model = tf.saved_model.load(folder)
        self.signatures: dict[str, Signature] = dict(model.signatures)
        self._model = model  # owns the variables
        self._judge = _record_judge(folder)
        self._batchers = {
            name: Batcher(self._runner(name), batching, observe_batch)
            for name, signature in self.signatures.items()
            if _is_batched(signature)
        }

    @property
    def waiting_rows(self) -> int:
        """The rows of all signatures that have not run yet."""
        return sum(batcher.waiting_rows for batcher in self._batchers.values())

    @property
    def running_seconds(self) -> float:
        """How long the longest of the present runs has taken."""
        seconds = (batcher.running_seconds for batcher in self._batchers.values())
        return max(seconds, default=0.0)

    def inputs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns the inputs of a signature by their names."""
        return dict(self.signatures[signature].structured_input_signature[1])

    def outputs(self, signature: str) -> list[str]:
        """Returns the names of a signature's outputs."""
        return list(self.signatures[signature].structured_outputs)

    def judged(self, signature: str, arrays: Arrays) -> Arrays:
        """Returns the inputs of a captioner, of which the graph may unpack all.

        Raises:
            refusals.BadInputError: A record or an array is not what it has to be.
        """
        if self._judge is None:
            return arrays
        for name, values in arrays.items():
            records.check_finite(name, values)
        if signature == signature_names.CAPTION_FRAMES_SIGNATURE:
            self._judge.check_pictures(arrays)
        if signature_names.EXAMPLES not in arrays:
            return arrays
        judged = self._judge.judged(arrays[signature_names.EXAMPLES])
        return {**arrays, signature_names.EXAMPLES: judged}

    def submit(
        self,
        signature: str,
        arrays: Arrays,
        deadline: float = threading.TIMEOUT_MAX,
    ) -> Future[Answer]:
        """Runs a signature on judged inputs, batched with others if possible."""
        if signature in self._batchers:
            return self._batchers[signature].submit(arrays, deadline)
        future: Future[Answer] = Future()
        try:
            future.set_result(Answer(self._runner(signature)(arrays), 0.0, 0.0))
        except Exception as error:
            future.set_exception(error)
        return future

    def warm_up(self, folder: str) -> int:
        """Replays the version's warm-up requests and returns their number.

        What was recorded of the signature that `serving_default` is another name of is
        replayed for it as well, since TensorFlow optimises each by itself.
        """
        requests = warmup.read(folder)
        default = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        for request in requests:
            name = request.model_spec.signature_name or default
            arrays = {
                key: tf.make_ndarray(proto) for key, proto in request.inputs.items()
            }
            self._runner(name)(arrays)
            if name == signature_names.CAPTION_EXAMPLES_SIGNATURE and (
                default in self.signatures and self.inputs(default).keys() == {*arrays}
            ):
                self._runner(default)(arrays)
        return len(requests)

    def check_captioner(self, folder: str) -> None:
        """Raises `ServingError` unless this is a captioner that captions."""
        needed = {
            signature_names.CAPTION_EXAMPLES_SIGNATURE,
            signature_names.FEATURE_SPEC_SIGNATURE,
        }
        missing = sorted(needed - self.signatures.keys())
        if missing or self._judge is None:
            raise ServingError(
                f"{folder} is no captioner: "
                + (
                    f"it lacks the signature {missing[0]}"
                    if missing
                    else f"assets/{signature_names.SPEC_ASSET} is missing"
                )
                + "; serve it with --any-model if it is meant to be something else."
            )
        spec = model_versions.read_spec(folder)
        outputs = self._runner(signature_names.CAPTION_EXAMPLES_SIGNATURE)(
            {signature_names.EXAMPLES: np.array([warmup.blank_example(spec)], object)}
        )
        if not np.isfinite(outputs[signature_names.LOG_PROBS][0, 0]):
            raise ServingError("its caption of a blank clip has no finite probability.")

    def close(self, timeout: float | None = None) -> bool:
        """Ends the version's threads and frees its memory.

        Args:
            timeout: Seconds to wait for a run; None waits for its end.

        Returns:
            Whether all of that was done; a run that is stuck keeps the memory.
        """
        ended = [batcher.close(timeout) for batcher in self._batchers.values()]
        if not all(ended):
            LOG.error("version %d is stuck in a run", self.version)
            return False
        self.signatures.clear()
        del self._model
        gc.collect()  # a loaded model refers to itself
        return True

    def _runner(self, name: str) -> Callable[[Arrays], Arrays]:
        function = self.signatures[name]
        dtypes = {key: spec.dtype for key, spec in self.inputs(name).items()}

        def run(arrays: Arrays) -> Arrays:
            outputs = function(
                **{
                    key: tf.constant(array, dtypes[key])
                    for key, array in arrays.items()
                }
            )
            return {key: tensor.numpy() for key, tensor in outputs.items()}

        return run


def check_outputs(outputs: Arrays) -> None:
    """Refuses captions whose probability is no number, which nobody should read."""
    best = outputs.get(signature_names.LOG_PROBS)
    if best is not None and not np.isfinite(best[:, 0]).all():
        raise RefusalError(
            Code.INTERNAL, "the model's caption has no finite probability"
        )


def load_version(
    config: ServerConfig, observe_batch: Callable[[int], None] = lambda rows: None
) -> Callable[[int, str], Servable]:
    """Returns the loader of a server, which judges every version and warms it up."""

    def load(version: int, folder: str) -> Servable:
        outputs.refuse_patterns(folder)
        if config.ops == "safe":
            saved_model_ops.check_ops(folder)
        servable = Servable(version, folder, config.batching, observe_batch)
        try:
            if config.models == "captioners":
                servable.check_captioner(folder)
            try:
                warmed = servable.warm_up(folder)
            except Exception as error:
                raise ServingError(
                    f"its warm-up requests fail: {errors.one_sentence(error)}"
                ) from error
        except BaseException:
            servable.close()
            raise
        LOG.info("version %d is loaded; %d warm-up requests", version, warmed)
        return servable

    return load


def _record_judge(folder: str) -> records.RecordJudge | None:
    """Returns the judge of a captioner's records; None of any other model."""
    spec: FeatureSpec
    try:
        spec = model_versions.read_spec(folder)
    except ServingError:
        return None
    return records.RecordJudge(spec)


def _signature_defs(folder: str) -> dict[str, meta_graph_pb2.SignatureDef]:
    with tf.io.gfile.GFile(posixpath.join(folder, "saved_model.pb"), "rb") as file:
        saved = saved_model_pb2.SavedModel.FromString(file.read())
    for graph in saved.meta_graphs:
        if tf.saved_model.SERVING in graph.meta_info_def.tags:
            return {
                name: signature
                for name, signature in graph.signature_def.items()
                if name != "__saved_model_init_op"
            }
    raise ServingError(f"{folder} has no graph to serve")


def _is_batched(signature: Signature) -> bool:
    tensors: Sequence[Any] = [
        *signature.structured_input_signature[1].values(),
        *signature.structured_outputs.values(),
    ]
    return bool(signature.structured_input_signature[1]) and all(
        tensor.shape.rank and tensor.shape[0] is None for tensor in tensors
    )
