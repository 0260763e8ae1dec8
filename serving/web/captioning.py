"""The work of a job: an upload is decoded, and captioned by the server in batches."""

from __future__ import annotations

import base64
import logging
import pathlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

from keras_models import weight_axes
from serving.client.base import ROWS_PER_CALL
from serving.client.caption_result import CaptionResult
from serving.client.channel import ClientTLS, Retries
from serving.client.clip_parts import Cut
from serving.client.grpc_client import Client
from serving.common.credentials import read_token
from serving.web import answers, places
from serving.web.answers import Captions, ModelName, Models, Segment, ServedModel
from serving.web.config import WebConfig
from serving.web.decoding import Decoders, Task
from serving.web.jobs import Job
from serving.web.refusals import WebError, web_error
from serving.web.uploads import Upload
from transform.common.errors import KinescribeError
from transform.schema import SpecMismatchError

LOG = logging.getLogger("kinescribe.serving.web")
_STATUS_SECONDS = 5.0  # for the server to say which models it has
_CLIENTS = 32  # one for each version that is asked for


class Wish(NamedTuple):
    """What is asked of an upload."""

    model: str
    version: Optional[int]
    segments: Cut  # infinite for the whole file
    start: Optional[float]
    end: Optional[float]
    category: str


class CaptioningService:
    """Captions uploads through a server.

    Args:
        config: Where the server is, and how it is called.
        decoders: Decode the uploads.
    """

    def __init__(self, config: WebConfig, decoders: Decoders):
        self._config = config
        self._decoders = decoders
        self._token = (
            read_token(config.server_token_file) if config.server_token_file else ""
        )
        ca_file = config.server_ca_file
        self._tls = ClientTLS(ca_file=ca_file) if ca_file else None
        self._clients: dict[tuple[str, int | None], Client] = {}
        self._lock = threading.Lock()

    def models(self) -> Models:
        """Returns the models that can be asked for, as the server has them now."""
        found = []
        for name in self._config.models:
            try:
                with self._client(name, None, _STATUS_SECONDS, 1) as client:
                    versions = tuple(client.versions())
                found.append(ServedModel(name=name, versions=versions))
            except KinescribeError as error:
                found.append(ServedModel(name=name, versions=(), error=str(error)))
        return Models(models=tuple(found))

    def check(self, wish: Wish) -> None:
        """Raises `WebError` if the gateway offers no such model."""
        if wish.model not in self._config.models:
            names = ", ".join(self._config.models)
            raise WebError(404, f"there is no model {wish.model!r}; there are {names}.")

    def caption(
        self, path: pathlib.Path, upload: Upload, wish: Wish, job: Job
    ) -> Captions:
        """Captions an upload; the job says how far that is.

        Raises:
            WebError: No caption could be had of any of its clips.
        """
        try:
            client = self._known(wish)
            try:
                return self._caption(client, path, upload, wish, job)
            except SpecMismatchError:  # a new model came in, which wants other features
                job.done = 0
                return self._caption(client, path, upload, wish, job)
        except KinescribeError as error:
            raise web_error(error) from error
        except Exception as error:
            LOG.exception("a job failed")
            raise web_error(error) from error

    def close(self) -> None:
        """Closes the channels to the server."""
        for client in self._clients.values():
            client.close()

    def _known(self, wish: Wish) -> Client:
        """Returns the client of a model's version, which is kept."""
        key = (wish.model, wish.version)
        with self._lock:
            if key not in self._clients:
                if len(self._clients) >= _CLIENTS:
                    self._clients.pop(next(iter(self._clients)))
                self._clients[key] = self._client(*key)
            return self._clients[key]

    def _client(
        self,
        model: str,
        version: int | None,
        timeout: float = 60.0,
        attempts: int = 3,
    ) -> Client:
        return Client(
            self._config.server,
            model,
            token=self._token,
            tls=self._tls,
            timeout=timeout,
            retries=Retries(attempts=attempts),
            version=version,
        )

    def _caption(
        self, client: Client, path: pathlib.Path, upload: Upload, wish: Wish, job: Job
    ) -> Captions:
        spec, axes = client.spec, client.weight_axes
        task = Task(
            str(path),
            upload.name,
            spec.to_json(),
            weight_axes.to_json(axes),
            wish.segments,
            wish.start,
            wish.end,
            wish.category,
            self._config.limits.clips,
        )
        segments: list[Segment] = []
        sizes: list[tuple[int, int]] = []
        for messages in self._decoders.decode(task, job.is_cancelled):
            clips = [each for each in messages if each["kind"] == "clip"]
            results = _captioned(client, clips, job.is_cancelled)
            for message in messages:
                if message["kind"] == "parts":
                    job.total = int(message["count"])
                    continue
                if message["kind"] == "failed":
                    segments.append(_failed(message))
                else:
                    result = results[int(message["number"])]
                    segments.append(_segment(message, axes, result))
                    info = message["info"]
                    sizes.append((int(info["width"]), int(info["height"])))
                job.done += 1
        if not sizes:
            reasons = dict.fromkeys(segment.error for segment in segments)
            raise WebError(422, " ".join(reasons))
        return Captions(
            clip=upload.name,
            media_type=upload.media_type,
            model=ModelName(
                name=wish.model, version=wish.version, spec_hash=spec.content_hash
            ),
            width=sizes[0][0],
            height=sizes[0][1],
            segments=tuple(segments),
        )


def _captioned(
    client: Client, clips: list[dict[str, Any]], cancelled: Callable[[], bool]
) -> dict[int, CaptionResult]:
    """Captions decoded clips, in batches between which the job may be cancelled."""
    found: dict[int, CaptionResult] = {}
    for first in range(0, len(clips), ROWS_PER_CALL):
        if cancelled():
            raise WebError(499, "the job was cancelled.")
        some = clips[first : first + ROWS_PER_CALL]
        records = [base64.b64decode(each["record"]) for each in some]
        results = client.caption_examples(records)
        for clip, result in zip(some, results, strict=True):
            found[int(clip["number"])] = result
    return found


def _segment(
    message: Mapping[str, Any],
    axes: weight_axes.NamedAxes,
    result: CaptionResult,
) -> Segment:
    """Returns a clip's captions with what the decoder told of it."""
    captions = answers.captions_of(result)
    info = message["info"]
    return Segment(
        start=message["start"],
        end=message["end"],
        captions=captions,
        error="" if captions else "the model found no caption.",
        status=info["status"],
        reason=info["reason"],
        attention=places.looked_at(message["places"], axes, result),
        frames=tuple(message["frames"]),
        flow=tuple(message["flow"]),
    )


def _failed(message: Mapping[str, Any]) -> Segment:
    return Segment(
        start=message.get("start") or 0.0,
        end=message.get("end"),
        error=str(message["sentence"]),
        status="failed",
    )
