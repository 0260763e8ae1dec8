"""TensorFlow Serving's two gRPC services over a `ServableManager`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving import errors
from serving.server import tensor_protos
from serving.server.config import ServerConfig
from serving.server.prometheus import Call, Metrics
from serving.server.servables import Servable, ServableManager, State, VersionStatus

LOG = logging.getLogger("kinescribe.serving")

Answer = TypeVar("Answer")
Code = grpc.StatusCode
_VersionStatus = get_model_status_pb2.ModelVersionStatus
_STATES = {
    State.LOADING: _VersionStatus.LOADING,
    State.AVAILABLE: _VersionStatus.AVAILABLE,
    State.UNLOADING: _VersionStatus.UNLOADING,
    State.END: _VersionStatus.END,
}


class _RefusalError(Exception):
    """An answer that is a status."""

    def __init__(self, code: grpc.StatusCode, sentence: str):
        super().__init__(sentence)
        self.code = code


class _Answering:
    """What both services share: the model, and how errors become statuses."""

    def __init__(
        self, config: ServerConfig, manager: ServableManager, metrics: Metrics
    ):
        self._config = config
        self._manager = manager
        self._metrics = metrics

    def _answer(
        self,
        method: str,
        context: grpc.ServicerContext,
        work: Callable[[Call], Answer],
    ) -> Answer:
        with self._metrics.call(method) as call:
            try:
                return work(call)
            except _RefusalError as refusal:
                call.code, details = refusal.code, str(refusal)
            except tensor_protos.BadInputError as error:
                call.code, details = Code.INVALID_ARGUMENT, str(error)
            except tf.errors.InvalidArgumentError as error:
                call.code, details = Code.INVALID_ARGUMENT, errors.one_sentence(error)
            except tf.errors.ResourceExhaustedError as error:
                call.code, details = Code.RESOURCE_EXHAUSTED, errors.one_sentence(error)
            except (FutureTimeoutError, CancelledError):
                call.code, details = Code.DEADLINE_EXCEEDED, "nobody waits any more"
            except Exception as error:
                LOG.exception("%s failed", method)
                call.code, details = Code.INTERNAL, errors.one_sentence(error)
        return context.abort(call.code, details)  # which raises

    def _check_name(self, spec: model_pb2.ModelSpec) -> None:
        if spec.name != self._config.model_name:
            raise _RefusalError(
                Code.NOT_FOUND,
                f"this server has the model {self._config.model_name!r}; "
                f"asked for {spec.name!r}",
            )
        if spec.version_label:
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                "versions have no labels here; ask for a number, or for none",
            )

    def _check_servable(
        self, servable: Servable | None, spec: model_pb2.ModelSpec
    ) -> Servable:
        if servable is None:
            raise _RefusalError(
                Code.UNAVAILABLE,
                f"no version of {self._config.model_name!r} is loaded yet",
            )
        if spec.HasField("version") and spec.version.value != servable.version:
            raise _RefusalError(
                Code.NOT_FOUND,
                f"version {spec.version.value} is not loaded; {servable.version} is",
            )
        return servable

    def _model_spec(self, servable: Servable, signature: str) -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(
            name=self._config.model_name, signature_name=signature
        )
        spec.version.value = servable.version
        return spec


class PredictionService(
    _Answering, prediction_service_pb2_grpc.PredictionServiceServicer
):
    """Predict and GetModelMetadata."""

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature."""

        def work(call: Call) -> predict_pb2.PredictResponse:
            self._check_name(request.model_spec)
            with self._manager.use() as lent:
                servable = self._check_servable(lent, request.model_spec)
                return self._predict(servable, request, context, call)

        return self._answer("Predict", context, work)

    def GetModelMetadata(  # noqa: N802
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Describes the signatures."""

        def work(call: Call) -> get_model_metadata_pb2.GetModelMetadataResponse:
            self._check_name(request.model_spec)
            if list(request.metadata_field) != ["signature_def"]:
                raise _RefusalError(
                    Code.INVALID_ARGUMENT,
                    "metadata_field must be signature_def; "
                    f"received {list(request.metadata_field)}",
                )
            with self._manager.use() as lent:
                servable = self._check_servable(lent, request.model_spec)
                signatures = get_model_metadata_pb2.SignatureDefMap(
                    signature_def=servable.signature_defs
                )
                response = get_model_metadata_pb2.GetModelMetadataResponse(
                    model_spec=self._model_spec(servable, "")
                )
            response.metadata["signature_def"].Pack(signatures)
            return response

        return self._answer("GetModelMetadata", context, work)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Not for captions."""
        return self._not_for_captions("Classify", context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Not for captions."""
        return self._not_for_captions("Regress", context)

    def MultiInference(  # noqa: N802
        self, request: Any, context: grpc.ServicerContext
    ) -> Any:
        """Not for captions."""
        return self._not_for_captions("MultiInference", context)

    def _not_for_captions(self, method: str, context: grpc.ServicerContext) -> Any:
        def work(call: Call) -> None:
            raise _RefusalError(
                Code.UNIMPLEMENTED,
                f"{method} is for classifiers and regressors; a captioner answers "
                "Predict",
            )

        return self._answer(method, context, work)

    def _predict(
        self,
        servable: Servable,
        request: predict_pb2.PredictRequest,
        context: grpc.ServicerContext,
        call: Call,
    ) -> predict_pb2.PredictResponse:
        name = (
            request.model_spec.signature_name
            or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        )
        if name not in servable.signatures:
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                f"the model's signatures are {', '.join(sorted(servable.signatures))};"
                f" asked for {name!r}",
            )
        call.signature = name
        wanted = self._wanted_outputs(servable, name, request)
        arrays = tensor_protos.unpack(
            request.inputs,
            servable.inputs(name),
            self._config.max_rows,
            self._config.max_message_bytes,
        )
        answer = servable.submit(name, arrays)
        context.add_callback(answer.cancel)  # nothing happens once it is done
        outputs = answer.result(timeout=_patience(context))
        return predict_pb2.PredictResponse(
            model_spec=self._model_spec(servable, name),
            outputs={key: tf.make_tensor_proto(outputs[key]) for key in wanted},
        )

    def _wanted_outputs(
        self, servable: Servable, signature: str, request: predict_pb2.PredictRequest
    ) -> list[str]:
        have = servable.signatures[signature].structured_outputs
        wanted = list(request.output_filter) or list(have)
        unknown = sorted(set(wanted) - set(have))
        if unknown:
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                f"{signature} has the outputs {', '.join(sorted(have))}; asked for "
                f"{', '.join(unknown)}",
            )
        return wanted


class ModelService(_Answering, model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def GetModelStatus(  # noqa: N802
        self,
        request: get_model_status_pb2.GetModelStatusRequest,
        context: grpc.ServicerContext,
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Says in what state each version is."""

        def work(call: Call) -> get_model_status_pb2.GetModelStatusResponse:
            self._check_name(request.model_spec)
            statuses = self._manager.statuses()
            if request.model_spec.HasField("version"):
                version = request.model_spec.version.value
                if version not in statuses:
                    raise _RefusalError(
                        Code.NOT_FOUND, f"version {version} was never seen here"
                    )
                statuses = {version: statuses[version]}
            return get_model_status_pb2.GetModelStatusResponse(
                model_version_status=[
                    _status_proto(version, statuses[version])
                    for version in sorted(statuses, reverse=True)
                ]
            )

        return self._answer("GetModelStatus", context, work)

    def HandleReloadConfigRequest(  # noqa: N802
        self,
        request: model_management_pb2.ReloadConfigRequest,
        context: grpc.ServicerContext,
    ) -> model_management_pb2.ReloadConfigResponse:
        """Looks for versions at once, and pins one where the policy names it.

        The model and its folder are given at start-up and stay.
        """

        def work(call: Call) -> model_management_pb2.ReloadConfigResponse:
            pinned = self._pinned_by(request)
            self._manager.pin(pinned)
            live = self._manager.version
            if pinned not in (None, live):
                raise _RefusalError(
                    Code.FAILED_PRECONDITION,
                    f"version {pinned} cannot be loaded; {live or 'none'} stays",
                )
            return model_management_pb2.ReloadConfigResponse()

        return self._answer("HandleReloadConfigRequest", context, work)

    def _pinned_by(
        self, request: model_management_pb2.ReloadConfigRequest
    ) -> int | None:
        """The version that a configuration asks for; None is the newest."""
        models = list(request.config.model_config_list.config)
        base = self._config.model_base
        if len(models) != 1 or models[0].name != self._config.model_name:
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                f"this server has one model, {self._config.model_name!r}; received "
                f"a configuration of {[model.name for model in models]}",
            )
        if models[0].base_path.rstrip("/") not in ("", base.rstrip("/")):
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                f"the model's folder is {base} and is not changed by a call",
            )
        policy = models[0].model_version_policy
        kind = policy.WhichOneof("policy_choice")
        if kind in (None, "latest") and policy.latest.num_versions in (0, 1):
            return None
        if kind == "specific" and len(policy.specific.versions) == 1:
            return policy.specific.versions[0]
        raise _RefusalError(
            Code.INVALID_ARGUMENT,
            "one version is served at a time: the latest, or a specific one",
        )


def _patience(context: grpc.ServicerContext) -> float:
    """Seconds that the caller still waits; a call without a deadline has many."""
    remaining = context.time_remaining()
    return (
        threading.TIMEOUT_MAX
        if remaining is None
        else min(remaining, threading.TIMEOUT_MAX)
    )


def _status_proto(
    version: int, status: VersionStatus
) -> get_model_status_pb2.ModelVersionStatus:
    proto = get_model_status_pb2.ModelVersionStatus(
        version=version, state=_STATES[status.state]
    )
    if status.error:
        proto.status.error_code = Code.INTERNAL.value[0]
        proto.status.error_message = status.error
    return proto
