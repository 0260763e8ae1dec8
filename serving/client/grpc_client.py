"""`Client`: captions with a model behind TensorFlow Serving's gRPC protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from keras_models import weight_axes
from keras_models.weight_axes import NamedAxes
from serving.client import caption_result, channel
from serving.client.base import ClipCaptioner
from serving.client.channel import ClientTLS, Retries
from serving.common import signature_names
from serving.common.errors import ServingError
from serving.export import warmup
from transform.schema import SPEC_HASH, FeatureSpec

_RETRIES = Retries()


class Client(ClipCaptioner):
    """Captions through a server: `kinescribe serve` or stock TensorFlow Serving.

    Args:
        address: `host:port`.
        model_name: The name that the server knows the model by.
        token: Sent as `authorization: Bearer …` with every call.
        tls: Encrypts the channel; plain text without it.
        timeout: Seconds that a call may take, with all its repetitions.
        retries: How often a call is repeated that found no server.
        version: The version that is asked for; None for the newest.
    """

    def __init__(
        self,
        address: str,
        model_name: str = signature_names.MODEL_NAME,
        token: str = "",
        tls: ClientTLS | None = None,
        timeout: float = 60.0,
        retries: Retries = _RETRIES,
        version: int | None = None,
    ):
        self._address = address
        self._model_name = model_name
        self._metadata = channel.metadata(token)
        self._timeout = timeout
        self._version = version
        self._spec: FeatureSpec | None = None
        self._weight_axes: NamedAxes = {}
        self._channel = channel.opened(grpc, address, tls, retries)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel to the server."""
        self._channel.close()

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the model's features; requested once, see `refresh`."""
        if self._spec is None:
            self.refresh()
        assert self._spec is not None
        return self._spec

    @property
    def weight_axes(self) -> NamedAxes:
        """What each of a result's attention weights is about; requested with `spec`."""
        if self._spec is None:
            self.refresh()
        return self._weight_axes

    def refresh(self) -> None:
        """Requests what the model that the server has now says of itself."""
        outputs = self.predict(
            signature_names.FEATURE_SPEC_SIGNATURE, {signature_names.REQUEST: [b""]}
        )
        spec = caption_result.spec_from_outputs(outputs)
        served = outputs[SPEC_HASH][0].decode()
        if served != spec.content_hash:
            raise ServingError(
                f"the model at {self._address} says that its specification is "
                f"{served}, but this version of Kinescribe reads it as "
                f"{spec.content_hash}; use the version that exported the model."
            )
        self._spec = spec
        text = outputs[signature_names.ATTENTION_JSON][0].decode()
        self._weight_axes = weight_axes.from_json(text)

    def metadata(self) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the server's metadata of the model: its version and signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=warmup.model_spec(self._model_name, "", self._version),
            metadata_field=["signature_def"],
        )
        return self._request(self._stub.GetModelMetadata, request)

    def versions(self) -> list[int]:
        """Returns the versions of the model that the server answers with, newest first.

        Raises:
            serving.common.errors.ServingError: The server does not respond, or has no
                such model.
        """
        request = get_model_status_pb2.GetModelStatusRequest(
            model_spec=warmup.model_spec(self._model_name)
        )
        states = self._request(self._models.GetModelStatus, request)
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        return sorted(
            (
                each.version
                for each in states.model_version_status
                if each.state == available
            ),
            reverse=True,
        )

    def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Calls any signature of the model.

        Args:
            signature: Name of the signature.
            inputs: Arrays, or values that can be converted to them, by name.
        """
        request = warmup.request(self._model_name, signature, inputs, self._version)
        response = self._request(self._stub.Predict, request)
        return {
            name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()
        }

    def _signatures(self) -> Collection[str]:
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self.metadata().metadata["signature_def"].Unpack(signatures)
        return signatures.signature_def.keys()

    def _call(self, signature: str, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        return self.predict(signature, {signature_names.EXAMPLES: list(examples)})

    def _request(self, method: grpc.UnaryUnaryMultiCallable, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise channel.explained(
                error, self._address, self._model_name, self._timeout
            ) from error
