"""The gateway's routes, described by OpenAPI, and its page."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Optional

import fastapi
from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from serving.client import clip_parts
from serving.server import auth
from serving.server.calls import REQUEST_ID, request_id_of
from serving.web import answers, pages, uploads
from serving.web.answers import Captions, Format, JobState, Models, Problem
from serving.web.captioning import CaptioningService, Wish
from serving.web.config import WebConfig
from serving.web.jobs import Job, JobBoard
from serving.web.refusals import WebError, web_error
from serving.web.working_folder import WorkingFolder
from transform.common.errors import KinescribeError

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [uploads.FIELD],
                    "properties": {
                        uploads.FIELD: {"type": "string", "format": "binary"}
                    },
                }
            },
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be read."},
    401: {"model": Problem, "description": "A token is asked for."},
    404: {"model": Problem, "description": "No such model or job."},
    408: {"model": Problem, "description": "The file did not come in time."},
    409: {"model": Problem, "description": "The job has no result yet."},
    413: {"model": Problem, "description": "The file is too large."},
    415: {"model": Problem, "description": "The file is no video or photograph."},
    422: {"model": Problem, "description": "Nothing of the file can be decoded."},
    429: {"model": Problem, "description": "Too many uploads are under way."},
    499: {"model": Problem, "description": "The job was cancelled."},
    500: {"model": Problem, "description": "The gateway failed."},
    502: {"model": Problem, "description": "The model refused the clip."},
    503: {"model": Problem, "description": "The server cannot be reached."},
    507: {"model": Problem, "description": "There is no room for the file."},
}
_TEXTS: dict[str, dict[str, Any]] = {
    "text/vtt": {"schema": {"type": "string"}},
    "application/x-subrip": {"schema": {"type": "string"}},
    "text/plain": {"schema": {"type": "string"}},
}
TopK = Annotated[int, Query(ge=1, le=100, description="How many captions to return.")]
Form = Annotated[Format, Query(description="Form of the answer.")]
Attention = Annotated[
    bool, Query(description="Whether to tell where the model looked, and the flow.")
]
JobId = Annotated[str, Path(max_length=64)]


def build(
    config: WebConfig,
    service: CaptioningService,
    board: JobBoard,
    folder: WorkingFolder,
    tokens: auth.Tokens | None,
) -> FastAPI:
    """Returns the application of a gateway.

    Args:
        config: Its settings.
        service: Captions the uploads.
        board: Keeps the jobs.
        folder: Where uploads lie.
        tokens: Whose callers are answered; all, without any.
    """

    def require_token(request: Request) -> None:
        if tokens and not tokens.accept(request.headers.get(auth.HEADER, "")):
            raise WebError(
                401, f"this gateway asks for `{auth.HEADER}: Bearer <token>`"
            )

    app = FastAPI(
        title="Kinescribe",
        description="Captions for videos and photographs.",
        version="1",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        responses={status: _PROBLEMS[status] for status in (401, 500)},
    )
    _add_errors(app)
    pages.add_to(app)
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
        )
    api = fastapi.APIRouter(dependencies=[Depends(require_token)])

    @api.post(
        "/captions",
        openapi_extra=_BODY,
        response_model=Captions,
        responses={
            200: {"content": _TEXTS, "description": "The captions."},
            202: {"model": JobState, "description": "A job; see its Location."},
            **{
                status: _PROBLEMS[status]
                for status in (400, 404, 408, 413, 415, 422, 429, 499, 502, 503, 507)
            },
        },
        summary="Caption a video or a photograph.",
    )
    async def caption(
        request: Request,
        segments: Annotated[
            str,
            Query(max_length=20, description="`scenes`, or seconds; else one clip."),
        ] = "",
        top_k: TopK = 1,
        format: Form = "json",
        attention: Attention = False,
        model: Annotated[
            str, Query(max_length=200, description="Name of the model.")
        ] = config.models[0],
        version: Annotated[
            Optional[int],
            Query(ge=0, lt=2**63, description="Its version; the newest without."),
        ] = None,
        start: Annotated[
            Optional[float], Query(ge=0, lt=1e7, description="Caption from here, in s.")
        ] = None,
        end: Annotated[
            Optional[float],
            Query(ge=0, lt=1e7, description="Caption up to here, in s."),
        ] = None,
        category: Annotated[
            str, Query(max_length=200, description="What the clip is about.")
        ] = "",
        wait: Annotated[
            float,
            Query(
                ge=0, le=120, description="Seconds to wait before a job is answered."
            ),
        ] = 30.0,
    ) -> Response:
        cut = clip_parts.parsed(segments)
        whole = math.inf if cut is None else cut
        wish = Wish(model, version, whole, start, end, category)
        service.check(wish)
        board.check_room()
        async with _kept_file(folder) as kept:
            upload = await uploads.receive(request, kept.path, config.limits)
            board.check_room()

            def work(job: Job) -> Captions:
                return service.caption(kept.path, upload, wish, job)

            job = board.submit(work, cut is not None, kept.hand_over())
        is_finished = await _finished(job, wait, request)
        response = (
            _answer(job, format, top_k, attention)
            if is_finished
            else JSONResponse(job.state.dict(), 202)
        )
        response.headers["location"] = f"/jobs/{job.id}"
        return response

    @api.get(
        "/jobs/{job_id}",
        response_model=JobState,
        responses={404: _PROBLEMS[404]},
        summary="How far a job is.",
    )
    async def state(job_id: JobId) -> JobState:
        return board.get(job_id).state

    @api.get(
        "/jobs/{job_id}/result",
        response_model=Captions,
        responses={
            200: {"content": _TEXTS, "description": "The captions."},
            **{status: _PROBLEMS[status] for status in (404, 409, 422, 499, 502, 503)},
        },
        summary="The captions of a job that is done.",
    )
    async def result(
        job_id: JobId,
        top_k: TopK = 1,
        format: Form = "json",
        attention: Attention = False,
    ) -> Response:
        return _answer(board.get(job_id), format, top_k, attention)

    @api.delete(
        "/jobs/{job_id}",
        status_code=204,
        response_class=Response,
        responses={404: _PROBLEMS[404]},
        summary="Cancel a job, or forget its result.",
    )
    async def cancel(job_id: JobId) -> Response:
        board.drop(board.get(job_id))
        return Response(status_code=204)

    @api.get("/models", summary="The models that can be asked for.")
    async def models() -> Models:
        return await asyncio.get_running_loop().run_in_executor(None, service.models)

    app.include_router(api)
    return app


def _add_errors(app: FastAPI) -> None:
    """Answers every error as `Problem`, without a trace."""

    @app.middleware("http")
    async def add_headers(request: Request, follow: Callable[..., Any]) -> Response:
        response: Response = await follow(request)
        given = request.headers.get(REQUEST_ID, "")
        response.headers[REQUEST_ID] = request_id_of(given)
        for name, value in pages.SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(KinescribeError)
    async def ours(request: Request, error: KinescribeError) -> Response:
        refusal = web_error(error)
        headers = {"retry-after": "1"} if refusal.status in (429, 503) else None
        return JSONResponse({"error": str(refusal)}, refusal.status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = first["loc"][-1] if first["loc"] else "the request"
        return JSONResponse({"error": f"{name}: {first['msg']}."}, 400)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = getattr(error, "headers", None)
        return JSONResponse({"error": f"{error.detail}."}, error.status_code, headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(web_error(error))}, 500)


class _KeptFile:
    """The file of an upload, and whoever has to remove it."""

    def __init__(self, folder: WorkingFolder):
        self._stack = contextlib.ExitStack()
        self.path = self._stack.enter_context(folder.file())

    def hand_over(self) -> Callable[[], None]:
        """Returns what removes the file; from now on it is the caller's to do."""
        return self._stack.pop_all().close

    def close(self) -> None:
        self._stack.close()


@contextlib.asynccontextmanager
async def _kept_file(folder: WorkingFolder) -> AsyncIterator[_KeptFile]:
    """Yields a file that is removed afterwards, unless it was handed over."""
    kept = _KeptFile(folder)
    try:
        yield kept
    finally:
        kept.close()


async def _finished(job: Job, seconds: float, request: Request) -> bool:
    """Waits for a job; cancels it if its caller hangs up before hearing of it."""
    finished = asyncio.ensure_future(
        asyncio.wait_for(asyncio.shield(asyncio.wrap_future(job.finished)), seconds)
    )
    hung_up = asyncio.ensure_future(request.receive())  # after the body: the end
    try:
        await asyncio.wait((finished, hung_up), return_when=asyncio.FIRST_COMPLETED)
        if finished.done():
            return finished.exception() is None
        job.cancel()
        raise WebError(499, "the caller has hung up.")
    finally:
        finished.cancel()
        hung_up.cancel()


def _answer(job: Job, form: str, top_k: int, attention: bool) -> Response:
    """Returns the captions of a job in the form that is asked for."""
    status = job.status
    if status == "cancelled":
        raise WebError(499, "the job was cancelled.")
    if job.error is not None:
        raise job.error
    if job.captions is None:
        raise WebError(409, f"the job is {status}; its result comes later.")
    if form != "json":
        text = answers.as_text(job.captions, form)
        return Response(text, media_type=answers.MEDIA_TYPES[form])
    shown = answers.shortened(job.captions, top_k, attention)
    return JSONResponse(shown.dict())
