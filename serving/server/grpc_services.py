"""TensorFlow Serving's gRPC services, and that of health.

All methods are streaming ones for the server, of one message each way, which on the
wire is what a unary call is. So a caller is judged by its headers, before any of its
message is read; a message has a time to come in, and an answer a time to be taken.
"""

from __future__ import annotations

import asyncio
import collections
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from serving.server import auth, messages, tensor_protos
from serving.server.admission import Admission
from serving.server.calls import REQUEST_ID, Call, request_id_of
from serving.server.config import LimitsConfig
from serving.server.predictor import Predictor
from serving.server.prometheus import Metrics
from serving.server.refusals import Code, RefusalError

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
HEALTH_SERVICE = "grpc.health.v1.Health"
_LOOPBACK = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")

Context: TypeAlias = "grpc.aio.ServicerContext"
Answer = Callable[[bytes, Context, Call], Awaitable[Message]]


class TensorFlowServing:
    """The two services of a model server.

    Args:
        predictor: Answers the calls.
        admission: Lets them in.
        limits: How long messages may take, and how many calls may lack one.
        metrics: Counts the calls, and what is turned away.
        tokens: Whose callers are answered; all, without any.
        admin_tokens: Whose callers may reload; those on this machine, without any.
    """

    def __init__(
        self,
        predictor: Predictor,
        admission: Admission,
        limits: LimitsConfig,
        metrics: Metrics,
        tokens: auth.Tokens | None,
        admin_tokens: auth.Tokens | None,
    ):
        self._predictor = predictor
        self._admission = admission
        self._limits = limits
        self._metrics = metrics
        self._tokens = tokens
        self._admin_tokens = admin_tokens
        self._unread = _UnreadCalls(limits, metrics)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Returns the handlers of both services, for a gRPC server."""
        unimplemented = self._unimplemented
        return (
            self._service(
                PREDICTION_SERVICE,
                {
                    "Predict": self._predict,
                    "GetModelMetadata": self._metadata,
                    "Classify": unimplemented,
                    "Regress": unimplemented,
                    "MultiInference": unimplemented,
                },
            ),
            self._service(
                MODEL_SERVICE,
                {
                    "GetModelStatus": self._status,
                    "HandleReloadConfigRequest": self._reload,
                },
            ),
        )

    def _service(
        self, service: str, methods: Mapping[str, Answer]
    ) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.stream_stream_rpc_method_handler(
                    functools.partial(self._handle, name, answer)
                )
                for name, answer in methods.items()
            },
        )

    async def _handle(
        self, method: str, answer: Answer, stream: object, context: Context
    ) -> None:
        """Answers one call: judges its headers, reads its message, writes."""
        del stream  # read from the context
        headers = dict(context.invocation_metadata() or ())
        request_id = request_id_of(str(headers.get(REQUEST_ID, "")))
        call = Call(method, "grpc", context.peer(), request_id)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        try:
            with self._metrics.call(call):
                authorization = headers.get(auth.HEADER, "")
                self._check_token(method, authorization, context.peer())
                message = await self._unread.read(context)
                caller = auth.caller_of(authorization, context.peer())
                with self._admission.enter(caller):
                    response = await answer(message, context, call)
                    await self._write(context, response)
        except RefusalError as refusal:
            _refuse(context, refusal.code, str(refusal))

    def _check_token(self, method: str, received: str | bytes, peer: str) -> None:
        is_admin = self._admin_tokens is not None and self._admin_tokens.accept(
            received
        )
        known = self._tokens is None or self._tokens.accept(received) or is_admin
        if not known:
            self._metrics.refused("token")
            raise RefusalError(
                Code.UNAUTHENTICATED,
                f"this server asks for `{auth.HEADER}: Bearer <token>`",
            )
        if method == "HandleReloadConfigRequest" and not is_admin:
            if self._admin_tokens is None and peer.startswith(_LOOPBACK):
                return
            self._metrics.refused("token")
            raise RefusalError(
                Code.PERMISSION_DENIED,
                "only callers with an admin token may reload, or, where the server has "
                "none, callers on its own machine",
            )

    async def _write(self, context: Context, response: Message) -> None:
        try:
            await asyncio.wait_for(
                context.write(response.SerializeToString()),
                self._limits.message_seconds,
            )
        except asyncio.TimeoutError as error:
            raise RefusalError(
                Code.ABORTED,
                f"the answer was not taken in {self._limits.message_seconds:g} s",
            ) from error

    async def _predict(self, message: bytes, context: Context, call: Call) -> Message:
        request = messages.parse(predict_pb2.PredictRequest, message, "the message")
        answer = await self._predictor.predict(
            request.model_spec if request.HasField("model_spec") else None,
            lambda expected, limits: tensor_protos.unpack(
                request.inputs, expected, limits.request_rows, limits.message_bytes
            ),
            request.output_filter,
            call,
            context.time_remaining(),
        )
        return predict_pb2.PredictResponse(
            model_spec=answer.model_spec,
            outputs={
                name: tensor_protos.pack(array)
                for name, array in answer.outputs.items()
            },
        )

    async def _metadata(self, message: bytes, context: Context, call: Call) -> Message:
        request = messages.parse(
            get_model_metadata_pb2.GetModelMetadataRequest, message, "the message"
        )
        spec = request.model_spec if request.HasField("model_spec") else None
        return self._predictor.metadata(spec, request.metadata_field, call)

    async def _status(self, message: bytes, context: Context, call: Call) -> Message:
        request = messages.parse(
            get_model_status_pb2.GetModelStatusRequest, message, "the message"
        )
        spec = request.model_spec if request.HasField("model_spec") else None
        return self._predictor.status(spec, call)

    async def _reload(self, message: bytes, context: Context, call: Call) -> Message:
        request = messages.parse(
            model_management_pb2.ReloadConfigRequest, message, "the message"
        )
        await self._predictor.reload(request.config)
        return model_management_pb2.ReloadConfigResponse()

    async def _unimplemented(
        self, message: bytes, context: Context, call: Call
    ) -> Message:
        raise RefusalError(
            Code.UNIMPLEMENTED,
            f"{call.method} is for classifiers and regressors; a captioner answers "
            "Predict",
        )


class _UnreadCalls:
    """The calls whose message has not come, of which the oldest gives way."""

    def __init__(self, limits: LimitsConfig, metrics: Metrics):
        self._limits = limits
        self._metrics = metrics
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()

    async def read(self, context: Context) -> bytes:
        """Returns a call's message, or refuses the call if it does not come in time."""
        given_way: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(given_way)
        if len(self._waiting) > self._limits.unread_calls:
            self._waiting.popleft().cancel()
        reading = asyncio.ensure_future(context.read())
        try:
            await asyncio.wait(
                (reading, given_way),
                timeout=self._limits.message_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not reading.done():
                self._metrics.refused("unread")
                raise RefusalError(
                    Code.DEADLINE_EXCEEDED, "the call's message did not come in time"
                )
            message = reading.result()
            if message is grpc.aio.EOF:
                raise RefusalError(Code.CANCELLED, "the call has no message")
            return message
        finally:
            reading.cancel()
            if given_way in self._waiting:
                self._waiting.remove(given_way)


class Health:
    """gRPC's health service, for probes, which need no token.

    Args:
        services: The names that are asked for besides "", the server as a whole.
    """

    def __init__(self, services: tuple[str, ...]):
        self._services = ("", *services)
        self._serving = False
        self._changed = asyncio.Condition()

    def handler(self) -> grpc.GenericRpcHandler:
        """Returns the service's handler, for a gRPC server."""
        kinds = {
            "request_deserializer": health_pb2.HealthCheckRequest.FromString,
            "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
        }
        return grpc.method_handlers_generic_handler(
            HEALTH_SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check, **kinds),
                "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **kinds),
            },
        )

    async def set(self, serving: bool) -> None:
        """Says from now on whether calls are answered."""
        async with self._changed:
            self._serving = serving
            self._changed.notify_all()

    async def _check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self._services:
            _refuse(context, Code.NOT_FOUND, "there is no such service")
            return health_pb2.HealthCheckResponse()  # which is not sent
        return self._response(request.service)

    async def _watch(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> Any:
        last = None
        while True:
            response = self._response(request.service)
            if response != last:
                last = response
                yield response
            async with self._changed:
                if self._response(request.service) == last:
                    await self._changed.wait()

    def _response(self, service: str) -> health_pb2.HealthCheckResponse:
        statuses = health_pb2.HealthCheckResponse
        if service not in self._services:
            return statuses(status=statuses.SERVICE_UNKNOWN)
        return statuses(
            status=statuses.SERVING if self._serving else statuses.NOT_SERVING
        )


def _refuse(context: Context, code: grpc.StatusCode, sentence: str) -> None:
    """Sets what a call ends with, once its handler returns.

    `context.abort` would hold the call in a cycle with its own exception: its stream
    would count until garbage is collected, and others be refused in its place.
    """
    context.set_code(code)
    context.set_details(sentence)
