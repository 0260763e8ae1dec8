"""`Client`: captions with a model behind TensorFlow Serving's gRPC protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_pb2,
    prediction_service_pb2_grpc,
)

from keras_models import weight_axes
from keras_models.weight_axes import NamedAxes
from serving import signature_names
from serving.client.base import ClipCaptioner
from serving.credentials import read_secret
from serving.errors import RefusedError, ServingError
from serving.export import warmup
from transform.common import loopback
from transform.common.config import Config
from transform.schema import SPEC_HASH, FeatureSpec

_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION}


class ClientTLS(Config):
    """The authority that a server is checked by, and the client's own certificate."""

    ca_file: str = ""  # PEM, like all; the system's authorities if empty
    certificate_file: str = ""  # for servers that ask for one (mutual TLS)
    key_file: str = ""


class Client(ClipCaptioner):
    """Captions through a server: `kinescribe serve` or stock TensorFlow Serving.

    Args:
        address: `host:port`.
        model_name: The name that the server knows the model by.
        token: Sent as `authorization: Bearer …` with every call.
        tls: Encrypts the channel; plain text without it.
        timeout: Seconds that a call may take.
    """

    def __init__(
        self,
        address: str,
        model_name: str = signature_names.MODEL_NAME,
        token: str = "",
        tls: ClientTLS | None = None,
        timeout: float = 60.0,
    ):
        self._address = address
        self._model_name = model_name
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._timeout = timeout
        self._spec: FeatureSpec | None = None
        self._weight_axes: NamedAxes = {}
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
        ]
        if loopback.is_loopback(address):
            options.append(loopback.OPTION)
        if tls is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, _credentials(tls), options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

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
        spec = FeatureSpec.from_json(outputs[signature_names.SPEC_JSON][0].decode())
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
            model_spec=model_pb2.ModelSpec(name=self._model_name),
            metadata_field=["signature_def"],
        )
        return self._request(self._stub.GetModelMetadata, request)

    def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Calls any signature of the model.

        Args:
            signature: Name of the signature.
            inputs: Arrays, or values that can be converted to them, by name.
        """
        request = warmup.request(self._model_name, signature, inputs)
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
            raise self._explained(error) from error

    def _proxy(self) -> str:
        """Returns what to say of a proxy between here and the server, if any."""
        proxy = loopback.proxy_variable()
        if not proxy or loopback.is_loopback(self._address):
            return ""
        return f", and the proxy of {proxy}, which no_proxy=HOST passes by"

    def _explained(self, error: grpc.RpcError) -> ServingError:
        code, details = error.code(), " ".join((error.details() or "").split())
        if code in _REFUSED:
            return RefusedError(f"the server at {self._address} refuses: {details}")
        reasons = {
            grpc.StatusCode.UNAVAILABLE: (
                f"no server answers at {self._address} ({details}); start one with "
                f"`kinescribe serve`, or check address and TLS{self._proxy()}."
            ),
            grpc.StatusCode.UNAUTHENTICATED: (
                f"the server at {self._address} does not accept this token."
            ),
            grpc.StatusCode.DEADLINE_EXCEEDED: (
                f"the server at {self._address} took longer than {self._timeout:g} s; "
                "try again, or allow more time."
            ),
            grpc.StatusCode.RESOURCE_EXHAUSTED: (
                f"the server at {self._address} has too much to do, or was sent too "
                f"much at once: {details}"
            ),
            grpc.StatusCode.NOT_FOUND: (
                f"the server at {self._address} has no model {self._model_name!r} to "
                f"offer: {details}"
            ),
        }
        fallback = f"the server at {self._address} failed with {code.name}: {details}"
        return ServingError(reasons.get(code, fallback))


def _credentials(tls: ClientTLS) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        *(
            read_secret(path) if path else None
            for path in (tls.ca_file, tls.key_file, tls.certificate_file)
        )
    )
