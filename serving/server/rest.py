"""TensorFlow Serving's REST interface, and the pages that operators watch."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2

from serving.common.model_versions import MAX_VERSION
from serving.server import auth, prometheus, rest_json
from serving.server.admission import Admission
from serving.server.calls import REQUEST_ID, Call, request_id_of
from serving.server.config import LimitsConfig
from serving.server.predictor import SIGNATURE_DEF, Predictor
from serving.server.prometheus import Metrics
from serving.server.refusals import Code, RefusalError

METRICS_PATH = "/monitoring/prometheus/metrics"
_JSON = "application/json"
_WHICH = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,40})|/labels/(?P<label>[^/:]+))?"  # noqa: E501
_POST = re.compile(_WHICH + r":(?P<method>predict|classify|regress)", re.ASCII)
_GET = re.compile(_WHICH + r"(?P<metadata>/metadata)?", re.ASCII)

# As TensorFlow Serving answers; any other status is 500.
HTTP_STATUS = {
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.UNAUTHENTICATED: 401,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}

Respond = Callable[[bytes, Call], Coroutine[Any, Any, bytes]]


class Probes(NamedTuple):
    """What operators' pages ask of the server."""

    is_ready: Callable[[], bool]
    metrics: Metrics


class RestInterface:
    """The routes of TensorFlow Serving's REST interface.

    Args:
        predictor: Answers the calls.
        admission: Lets them in.
        limits: How large a body may be, and how long it may take.
        probes: For the pages of operators.
        tokens: Whose callers are answered; all, without any.
        cors_origins: Pages of these may call from a browser.
    """

    def __init__(
        self,
        predictor: Predictor,
        admission: Admission,
        limits: LimitsConfig,
        probes: Probes,
        tokens: auth.Tokens | None,
        cors_origins: tuple[str, ...] = (),
    ):
        self._predictor = predictor
        self._admission = admission
        self._limits = limits
        self._metrics = probes.metrics
        self._tokens = tokens
        self._reading = 0
        middleware = []
        if cors_origins:
            middleware.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=cors_origins,
                    allow_methods=["GET", "POST"],
                    allow_headers=["*"],
                )
            )
        self.app = Starlette(
            routes=[
                *operator_routes(probes, self._is_known),
                Route("/v1/{path:path}", self._get, methods=["GET"]),
                Route("/v1/{path:path}", self._post, methods=["POST"]),
            ],
            middleware=middleware,
        )

    async def _get(self, request: Request) -> Response:
        match = _GET.fullmatch(request.url.path)
        if match is None:
            return await self._malformed(request)

        async def status(body: bytes, call: Call) -> bytes:
            return _json(self._predictor.status(_spec(match), call)).encode()

        async def metadata(body: bytes, call: Call) -> bytes:
            response = self._predictor.metadata(_spec(match), [SIGNATURE_DEF], call)
            return _metadata_json(response).encode()

        if match["metadata"]:
            return await self._respond(request, "GetModelMetadata", metadata)
        return await self._respond(request, "GetModelStatus", status)

    async def _post(self, request: Request) -> Response:
        match = _POST.fullmatch(request.url.path)
        if match is None:
            return await self._malformed(request)

        async def predict(body: bytes, call: Call) -> bytes:
            spec = _spec(match)
            loop = asyncio.get_running_loop()
            parsed = await loop.run_in_executor(None, rest_json.parse, body)
            spec.signature_name = parsed.signature_name
            answer = await self._predictor.predict(
                spec, parsed.inputs, (), call, remaining_seconds=None
            )
            return await loop.run_in_executor(None, parsed.answer, answer.outputs)

        async def not_offered(body: bytes, call: Call) -> bytes:
            raise RefusalError(
                Code.UNIMPLEMENTED,
                f"{call.method} is for classifiers and regressors; a captioner answers "
                "predict",
            )

        if match["method"] != "predict":
            return await self._respond(request, match["method"].title(), not_offered)
        return await self._respond(request, "Predict", predict)

    async def _malformed(self, request: Request) -> Response:
        async def refuse(body: bytes, call: Call) -> bytes:
            raise RefusalError(
                Code.INVALID_ARGUMENT,
                f"Malformed request: {request.method} {request.url.path}",
            )

        return await self._respond(request, "Malformed", refuse)

    async def _respond(
        self, request: Request, method: str, respond: Respond
    ) -> Response:
        """Answers a request; a caller that hangs up ends what has not begun."""
        request_id = request_id_of(request.headers.get(REQUEST_ID, ""))
        peer = f"{request.client.host}:{request.client.port}" if request.client else ""
        call = Call(method, "rest", peer, request_id)
        authorization = request.headers.get(auth.HEADER, "")
        headers = {REQUEST_ID: request_id}
        try:
            with self._metrics.call(call):
                if not self._is_known(request):
                    self._metrics.refused("token")
                    raise RefusalError(
                        Code.UNAUTHENTICATED,
                        f"this server asks for `{auth.HEADER}: Bearer <token>`",
                    )
                message = await self._body(request)
                with self._admission.enter(auth.caller_of(authorization, peer)):
                    body = await _unless_hung_up(request, respond(message, call))
        except RefusalError as refusal:
            status = HTTP_STATUS.get(refusal.code, 500)
            if status in (429, 503):
                headers["retry-after"] = "1"
            body = json.dumps({"error": str(refusal)}).encode()
            return Response(body, status, headers, _JSON)
        return Response(body, 200, headers, _JSON)

    async def _body(self, request: Request) -> bytes:
        """Reads a body that is neither too large, nor too slow, nor compressed."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RefusalError(
                Code.INVALID_ARGUMENT, "compressed bodies are not unpacked here"
            )

        async def read() -> bytes:
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._limits.message_bytes:
                    raise RefusalError(
                        Code.RESOURCE_EXHAUSTED,
                        f"the body exceeds {self._limits.message_bytes} bytes",
                    )
            return bytes(body)

        if self._reading >= self._limits.unread_calls:
            self._metrics.refused("unread")
            raise RefusalError(
                Code.RESOURCE_EXHAUSTED, f"{self._reading} bodies are being read"
            )
        self._reading += 1
        try:
            return await asyncio.wait_for(read(), self._limits.message_seconds)
        except asyncio.TimeoutError as error:
            raise RefusalError(
                Code.DEADLINE_EXCEEDED, "the request's body did not come in time"
            ) from error
        except ClientDisconnect as error:
            raise RefusalError(Code.CANCELLED, "the caller has hung up") from error
        finally:
            self._reading -= 1

    def _is_known(self, request: Request) -> bool:
        received = request.headers.get(auth.HEADER, "")
        return self._tokens is None or self._tokens.accept(received)


def operator_app(probes: Probes) -> Starlette:
    """Returns the pages of operators alone, for a port of their own."""
    return Starlette(routes=operator_routes(probes, lambda request: True))


def operator_routes(
    probes: Probes, may_see_metrics: Callable[[Request], bool]
) -> list[Route]:
    """Returns the routes of health and metrics.

    `/healthz` answers as long as the process does, `/readyz` while every model has a
    live version, no run of the graph is stuck and the server is not ending.
    """

    async def alive(request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def ready(request: Request) -> Response:
        is_ready = probes.is_ready()
        text = "ok\n" if is_ready else "not ready\n"
        return Response(text, 200 if is_ready else 503, media_type="text/plain")

    async def metrics(request: Request) -> Response:
        if not may_see_metrics(request):
            return Response("this page asks for a token\n", 401)
        return Response(probes.metrics.page(), media_type=prometheus.CONTENT_TYPE)

    return [
        Route("/healthz", alive),
        Route("/livez", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Route(METRICS_PATH, metrics),
    ]


async def _unless_hung_up(
    request: Request, answer: Coroutine[Any, Any, bytes]
) -> bytes:
    """Returns the answer; cancels it if the caller hangs up first."""
    answering = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(request.receive())  # after the body: the end
    try:
        await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise RefusalError(Code.CANCELLED, "the caller has hung up")
        return answering.result()
    finally:
        answering.cancel()
        watching.cancel()


def _spec(match: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=match["name"])
    if match["version"]:
        if int(match["version"]) > MAX_VERSION:
            raise RefusalError(
                Code.INVALID_ARGUMENT,
                f"Failed to convert version: {match['version']} to numeric.",
            )
        spec.version.value = int(match["version"])
    elif match["label"]:
        spec.version_label = match["label"]
    return spec


def _json(message: Message) -> str:
    return json_format.MessageToJson(
        message, including_default_value_fields=True, preserving_proto_field_name=True
    )


def _metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> str:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    return json.dumps(
        {
            "model_spec": json.loads(_json(response.model_spec)),
            "metadata": {SIGNATURE_DEF: json.loads(_json(signatures))},
        },
        indent=1,
    )
