"""`WebError`: the status and the sentence that a caller of the gateway is told."""

from __future__ import annotations

from serving.common.errors import AbsentModelError, RefusedError, ServingError
from transform.common.errors import KinescribeError
from transform.video.video_info import DecodeError


class WebError(KinescribeError):
    """A request that is refused, or a job that failed; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def web_error(error: Exception) -> WebError:
    """Returns what a caller is told of an error of ours."""
    if isinstance(error, WebError):
        return error
    if isinstance(error, DecodeError):
        return WebError(422, str(error))
    if isinstance(error, RefusedError):
        return WebError(502, str(error))
    if isinstance(error, AbsentModelError):
        return WebError(404, str(error))
    if isinstance(error, ServingError):
        return WebError(503, str(error))
    if isinstance(error, KinescribeError):
        return WebError(400, str(error))
    return WebError(500, "the gateway failed; its log says how.")
