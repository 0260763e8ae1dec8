"""`AsyncClient`: the twin of `Client` for programs that run in an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.client import caption_result, channel
from serving.client.caption_result import CaptionResult
from serving.client.channel import ClientTLS, Retries
from serving.client.clip_features import extractor_of, record_of_extraction
from serving.common import signature_names
from serving.common.errors import RefusedError
from serving.export import warmup
from transform.schema import FeatureSpec, SpecMismatchError

_RETRIES = Retries()


class AsyncClient:
    """Captions through a server; its methods are those of `Client`, to be awaited.

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
        self._channel = channel.opened(grpc.aio, address, tls, retries)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._spec: FeatureSpec | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel to the server."""
        await self._channel.close()

    async def spec(self) -> FeatureSpec:
        """Returns the specification of the model's features.

        It is requested once, and anew when the server refuses what fits it.
        """
        if self._spec is None:
            outputs = await self.predict(
                signature_names.FEATURE_SPEC_SIGNATURE, {signature_names.REQUEST: [b""]}
            )
            self._spec = caption_result.spec_from_outputs(outputs)
        return self._spec

    async def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Calls any signature of the model.

        Args:
            signature: Name of the signature.
            inputs: Arrays, or values that can be converted to them, by name.

        Raises:
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        request = warmup.request(self._model_name, signature, inputs, self._version)
        try:
            response = await self._stub.Predict(
                request, timeout=self._timeout, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise channel.explained(
                error, self._address, self._model_name, self._timeout
            ) from error
        return {
            name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()
        }

    async def caption_examples(self, examples: Sequence[bytes]) -> list[CaptionResult]:
        """Captions serialized records, as `example_codec.to_example` writes them.

        Raises:
            SpecMismatchError: A model of another specification came in meanwhile.
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        spec = await self.spec()
        inputs = {signature_names.EXAMPLES: list(examples)}
        signature = signature_names.CAPTION_EXAMPLES_SIGNATURE
        try:
            outputs = await self.predict(signature, inputs)
        except RefusedError:
            self._spec = None
            caption_result.check_same_model(await self.spec(), spec)
            raise
        return caption_result.from_outputs(outputs, spec.content_hash)

    async def caption_file(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        category: str = "",
    ) -> CaptionResult:
        """Captions a video file, or a part of it, which a thread decodes meanwhile.

        Args:
            path: The file.
            start: Start of the clip in seconds; None for the beginning of the file.
            end: End of the clip in seconds; None for the end of the file.
            category: The clip's category, for models that read it.

        Raises:
            transform.video.video_info.DecodeError: The clip cannot be read.
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        try:
            return await self._caption_clip(path, start, end, category)
        except SpecMismatchError:  # a new model came in; `spec` is now its own
            return await self._caption_clip(path, start, end, category)

    async def _caption_clip(
        self,
        path: str | os.PathLike[str],
        start: float | None,
        end: float | None,
        category: str,
    ) -> CaptionResult:
        spec = await self.spec()

        def record() -> bytes:
            found = extractor_of(spec).extract(os.fspath(path), start, end)
            return record_of_extraction(spec, found, category)

        (result,) = await self.caption_examples([await asyncio.to_thread(record)])
        return result
