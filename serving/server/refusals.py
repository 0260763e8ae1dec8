"""Refusals: the status and the sentence that a caller is answered with."""

from __future__ import annotations

import asyncio
import logging
from concurrent import futures

import grpc
import tensorflow as tf

from serving.common import errors
from serving.server.model_configs import ModelConfigError

LOG = logging.getLogger("kinescribe.serving")
Code = grpc.StatusCode
MAX_SENTENCE = 1024  # characters; TensorFlow Serving cuts there too

_CODES = {code.value[0]: code for code in Code}


class RefusalError(Exception):
    """A call that is refused with a gRPC status and a sentence."""

    def __init__(self, code: grpc.StatusCode, sentence: str):
        super().__init__(cut(sentence))
        self.code = code


class BadInputError(RefusalError):
    """The inputs of a request do not fit its signature."""

    def __init__(self, sentence: str):
        super().__init__(Code.INVALID_ARGUMENT, sentence)


def refusal_of(error: BaseException, method: str) -> RefusalError:
    """Returns what a caller is told of an error; unexpected ones are logged."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, ModelConfigError):
        return RefusalError(Code.INVALID_ARGUMENT, str(error))
    if isinstance(error, asyncio.TimeoutError | futures.TimeoutError):
        return RefusalError(Code.DEADLINE_EXCEEDED, "the deadline has passed")
    if isinstance(error, asyncio.CancelledError | futures.CancelledError):
        return RefusalError(Code.CANCELLED, "the caller has given up")
    if isinstance(error, tf.errors.OpError):
        code = _CODES.get(error.error_code, Code.INTERNAL)
        return RefusalError(code, errors.one_sentence(error))
    LOG.error("%s failed", method, exc_info=error)
    return RefusalError(Code.INTERNAL, errors.one_sentence(Exception(str(error))))


def cut(sentence: str) -> str:
    """Returns a sentence that fits into a status, however long the original is."""
    if len(sentence) <= MAX_SENTENCE:
        return sentence
    return f"{sentence[:MAX_SENTENCE]}...TRUNCATED"
