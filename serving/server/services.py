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

Response = TypeVar("Response")
Code = grpc.StatusCode
_VersionStatus = get_model_status_pb2.ModelVersionStatus
_STATES = {
    State.LOADING: _VersionStatus.LOADING,
    State.AVAILABLE: _VersionStatus.AVAILABLE,
    State.UNLOADING: _VersionStatus.UNLOADING,
    State.END: _VersionStatus.END,
}


class _RefusalError(Exception):
    """A request that is refused with a gRPC status and a sentence."""

    def __init__(self, code: grpc.StatusCode, sentence: str):
        super().__init__(sentence)
        self.code = code


class _ServiceBase:
    """The base of both services: holds the model and turns errors into statuses."""

    def __init__(
        self, config: ServerConfig, manager: ServableManager, metrics: Metrics
    ):
        self._config = config
        self._manager = manager
        self._metrics = metrics

    def _respond(
        self,
        method: str,
        context: grpc.ServicerContext,
        work: Callable[[Call], Response],
    ) -> Response:
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
                call.code, details = (
                    Code.DEADLINE_EXCEEDED,
                    "deadline exceeded or cancelled",
                )
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
    _ServiceBase, prediction_service_pb2_grpc.PredictionServiceServicer
):
    """Implements Predict and GetModelMetadata; the other methods are refused."""

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature of the live model on a request's inputs."""

        def work(call: Call) -> predict_pb2.PredictResponse:
            self._check_name(request.model_spec)
            with self._manager.use() as live:
                servable = self._check_servable(live, request.model_spec)
                return self._predict(servable, request, context, call)

        return self._respond("Predict", context, work)

    def GetModelMetadata(  # noqa: N802
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Describes the signatures of the live model."""

        def work(call: Call) -> get_model_metadata_pb2.GetModelMetadataResponse:
            self._check_name(request.model_spec)
            if list(request.metadata_field) != ["signature_def"]:
                raise _RefusalError(
                    Code.INVALID_ARGUMENT,
                    "metadata_field must be signature_def; "
                    f"received {list(request.metadata_field)}",
                )
            with self._manager.use() as live:
                servable = self._check_servable(live, request.model_spec)
                signatures = get_model_metadata_pb2.SignatureDefMap(
                    signature_def=servable.signature_defs
                )
                response = get_model_metadata_pb2.GetModelMetadataResponse(
                    model_spec=self._model_spec(servable, "")
                )
            response.metadata["signature_def"].Pack(signatures)
            return response

        return self._respond("GetModelMetadata", context, work)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Refuses the call, which is not for captioning models."""
        return self._unimplemented("Classify", context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Refuses the call, which is not for captioning models."""
        return self._unimplemented("Regress", context)

    def MultiInference(  # noqa: N802
        self, request: Any, context: grpc.ServicerContext
    ) -> Any:
        """Refuses the call, which is not for captioning models."""
        return self._unimplemented("MultiInference", context)

    def _unimplemented(self, method: str, context: grpc.ServicerContext) -> Any:
        def work(call: Call) -> None:
            raise _RefusalError(
                Code.UNIMPLEMENTED,
                f"{method} is for classifiers and regressors; a captioner answers "
                "Predict",
            )

        return self._respond(method, context, work)

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
        requested = self._requested_outputs(servable, name, request)
        arrays = tensor_protos.unpack(
            request.inputs,
            servable.inputs(name),
            self._config.max_rows,
            self._config.max_message_bytes,
        )
        future = servable.submit(name, arrays)
        context.add_callback(future.cancel)  # nothing happens once it is done
        outputs = future.result(timeout=_remaining_seconds(context))
        return predict_pb2.PredictResponse(
            model_spec=self._model_spec(servable, name),
            outputs={key: tf.make_tensor_proto(outputs[key]) for key in requested},
        )

    def _requested_outputs(
        self, servable: Servable, signature: str, request: predict_pb2.PredictRequest
    ) -> list[str]:
        outputs = servable.signatures[signature].structured_outputs
        requested = list(request.output_filter) or list(outputs)
        unknown = sorted(set(requested) - set(outputs))
        if unknown:
            raise _RefusalError(
                Code.INVALID_ARGUMENT,
                f"{signature} has the outputs {', '.join(sorted(outputs))}; asked for "
                f"{', '.join(unknown)}",
            )
        return requested


class ModelService(_ServiceBase, model_service_pb2_grpc.ModelServiceServicer):
    """Implements the methods GetModelStatus and HandleReloadConfigRequest."""

    def GetModelStatus(  # noqa: N802
        self,
        request: get_model_status_pb2.GetModelStatusRequest,
        context: grpc.ServicerContext,
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the state of each version, the newest first."""

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

        return self._respond("GetModelStatus", context, work)

    def HandleReloadConfigRequest(  # noqa: N802
        self,
        request: model_management_pb2.ReloadConfigRequest,
        context: grpc.ServicerContext,
    ) -> model_management_pb2.ReloadConfigResponse:
        """Looks for new versions at once, and pins one if the policy names it.

        The model and its folder are set at start-up and do not change.
        """

        def work(call: Call) -> model_management_pb2.ReloadConfigResponse:
            pinned = self._pinned_by(request)
            self._manager.pin(pinned)
            version = self._manager.version
            if pinned not in (None, version):
                raise _RefusalError(
                    Code.FAILED_PRECONDITION,
                    f"version {pinned} cannot be loaded; {version or 'none'} stays",
                )
            return model_management_pb2.ReloadConfigResponse()

        return self._respond("HandleReloadConfigRequest", context, work)

    def _pinned_by(
        self, request: model_management_pb2.ReloadConfigRequest
    ) -> int | None:
        """Returns the version that a configuration requests; None is the newest."""
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


def _remaining_seconds(context: grpc.ServicerContext) -> float:
    """Returns the seconds until the call's deadline, or as many as a lock can wait."""
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
