"""`Predictor`: TensorFlow Serving's methods, apart from how calls reach them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from serving.common import signature_names
from serving.server import model_configs, servable
from serving.server.calls import Call
from serving.server.catalogue import Catalogue, ServedModel
from serving.server.config import LimitsConfig
from serving.server.prometheus import Metrics
from serving.server.refusals import BadInputError, Code, RefusalError
from serving.server.servable import Servable
from serving.server.servables import State, VersionStatus

Arrays = Mapping[str, np.ndarray]
ReadInputs = Callable[[Mapping[str, tf.TensorSpec], LimitsConfig], Arrays]

DEFAULT_SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
SIGNATURE_DEF = "signature_def"  # the one field of metadata
_PREPARING_THREADS = 2

_VersionStatus = get_model_status_pb2.ModelVersionStatus
_STATES = {
    State.LOADING: _VersionStatus.LOADING,
    State.AVAILABLE: _VersionStatus.AVAILABLE,
    State.UNLOADING: _VersionStatus.UNLOADING,
    State.END: _VersionStatus.END,
}


class Prediction(NamedTuple):
    """The answer of a signature."""

    model_spec: model_pb2.ModelSpec
    outputs: dict[str, np.ndarray]


class Predictor:
    """Answers calls from the models of a catalogue.

    Every method raises `RefusalError`, with TensorFlow Serving's status and much the
    same sentence, where it has no answer.

    Args:
        catalogue: The models.
        limits: What a request may hold.
        metrics: Told of captions without a word.
    """

    def __init__(self, catalogue: Catalogue, limits: LimitsConfig, metrics: Metrics):
        self._catalogue = catalogue
        self._limits = limits
        self._metrics = metrics
        self._threads = futures.ThreadPoolExecutor(
            _PREPARING_THREADS, thread_name_prefix="prepare"
        )

    async def predict(
        self,
        spec: model_pb2.ModelSpec | None,
        read_inputs: ReadInputs,
        output_filter: Sequence[str],
        call: Call,
        remaining_seconds: float | None,
    ) -> Prediction:
        """Runs a signature on a request's inputs, batched with others.

        Args:
            spec: The model, its version or label, and the signature.
            read_inputs: Unpacks the inputs, given what the signature expects.
            output_filter: Names of the outputs that are wanted; all, if empty.
            call: Takes notes of the call.
            remaining_seconds: Until the caller gives up; None if it does not.
        """
        remaining = min(
            threading.TIMEOUT_MAX if remaining_seconds is None else remaining_seconds,
            threading.TIMEOUT_MAX,
        )
        deadline = time.monotonic() + remaining
        with self._lent(spec, call) as version:
            assert spec is not None
            name = spec.signature_name or DEFAULT_SIGNATURE
            if name not in version.signatures:
                raise RefusalError(
                    Code.FAILED_PRECONDITION,
                    f'Serving signature key "{name}" not found.',
                )
            call.signature = name
            wanted = _wanted_outputs(version, name, output_filter)

            def prepare() -> futures.Future[servable.Answer]:
                arrays = read_inputs(version.inputs(name), self._limits)
                call.rows = len(next(iter(arrays.values()), ()))
                return version.submit(name, version.judged(name, arrays), deadline)

            loop = asyncio.get_running_loop()
            submitted = await loop.run_in_executor(self._threads, prepare)
            answer = await asyncio.wait_for(asyncio.wrap_future(submitted), remaining)
            call.queue_seconds = answer.queue_seconds
            call.run_seconds = answer.run_seconds
            servable.check_outputs(answer.outputs)
            self._count_empty(answer.outputs)
            return Prediction(
                _model_spec(call.model, version.version, name),
                {key: answer.outputs[key] for key in wanted},
            )

    def metadata(
        self,
        spec: model_pb2.ModelSpec | None,
        fields: Sequence[str],
        call: Call,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Describes the signatures of a model."""
        if not fields:
            raise RefusalError(
                Code.INVALID_ARGUMENT,
                "GetModelMetadataRequest must specify at least one metadata_field",
            )
        for field in fields:
            if field != SIGNATURE_DEF:
                raise RefusalError(
                    Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported"
                )
        with self._lent(spec, call) as version:
            signatures = get_model_metadata_pb2.SignatureDefMap(
                signature_def=version.signature_defs
            )
            response = get_model_metadata_pb2.GetModelMetadataResponse(
                model_spec=_model_spec(call.model, version.version, "")
            )
        response.metadata[SIGNATURE_DEF].Pack(signatures)
        return response

    def status(
        self, spec: model_pb2.ModelSpec | None, call: Call
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the state of each version that was ever seen, the newest first."""
        model = self._find(spec, call)
        assert spec is not None
        statuses = model.versions.statuses()
        version = self._version_number(model, spec)
        if version is not None:
            if version not in statuses:
                raise RefusalError(
                    Code.NOT_FOUND,
                    f"Could not find version {version} of model {call.model}",
                )
            statuses = {version: statuses[version]}
        if not statuses:
            raise RefusalError(
                Code.NOT_FOUND, f"Could not find any versions of model {call.model}"
            )
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[
                _status_proto(version, statuses[version])
                for version in sorted(statuses, reverse=True)
            ]
        )

    async def reload(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Takes a new list of models, whole or not at all."""
        kind = config.WhichOneof("config")
        if kind is None:
            return
        if kind != "model_config_list":
            raise RefusalError(
                Code.FAILED_PRECONDITION,
                "Cannot transition to requested config. It is only legal to "
                "transition from one ModelConfigList to another.",
            )
        configs = model_configs.from_proto(config)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._catalogue.reconfigure, configs)

    def close(self) -> None:
        """Ends the threads that unpack requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _lent(self, spec: model_pb2.ModelSpec | None, call: Call) -> Iterator[Servable]:
        model = self._find(spec, call)
        assert spec is not None
        number = self._version_number(model, spec)
        with model.versions.use(number) as version:
            if version is None and number is None:
                raise RefusalError(
                    Code.UNAVAILABLE, f"no version of {call.model!r} is loaded yet"
                )
            if version is None:
                raise RefusalError(
                    Code.NOT_FOUND,
                    f"Servable not found for request: Specific({call.model}, {number})",
                )
            call.version = version.version
            yield version

    def _find(self, spec: model_pb2.ModelSpec | None, call: Call) -> ServedModel:
        if spec is None:
            raise RefusalError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        if not spec.name:
            raise RefusalError(
                Code.INVALID_ARGUMENT, "ModelSpec has no name specified."
            )
        model = self._catalogue.find(spec.name)
        if model is None:
            raise RefusalError(
                Code.NOT_FOUND, f"Servable not found for request: Latest({spec.name})"
            )
        call.model = spec.name
        return model

    def _version_number(
        self, model: ServedModel, spec: model_pb2.ModelSpec
    ) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return spec.version.value
        if choice != "version_label":
            return None
        if spec.version_label not in model.config.labels:
            raise RefusalError(
                Code.INVALID_ARGUMENT,
                f"Unrecognized servable version label: {spec.version_label}",
            )
        return model.config.labels[spec.version_label]

    def _count_empty(self, outputs: Arrays) -> None:
        if signature_names.CAPTION in outputs:
            captions = outputs[signature_names.CAPTION]
            self._metrics.empty_captions(sum(not caption for caption in captions))


def _wanted_outputs(
    version: Servable, signature: str, output_filter: Sequence[str]
) -> list[str]:
    outputs = version.outputs(signature)
    if not output_filter:
        return outputs
    if len({*output_filter}) < len(output_filter):
        raise BadInputError("output_filter names an output more than once")
    if unknown := sorted({*output_filter} - {*outputs}):
        raise BadInputError(
            f"{signature} has the outputs {', '.join(sorted(outputs))}; asked for "
            f"{', '.join(unknown)}"
        )
    return list(output_filter)


def _model_spec(name: str, version: int, signature: str) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
    return spec


def _status_proto(
    version: int, status: VersionStatus
) -> get_model_status_pb2.ModelVersionStatus:
    proto = get_model_status_pb2.ModelVersionStatus(
        version=version, state=_STATES[status.state]
    )
    proto.status.error_code = status.code.value[0]
    proto.status.error_message = status.error
    return proto
