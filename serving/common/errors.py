"""The errors between a clip and its caption, and TensorFlow's in one sentence."""

from __future__ import annotations

from transform.common.errors import KinescribeError

_GRAPH_ERROR = "Graph execution error:"
_NODE = "\n\t [["


class ServingError(KinescribeError):
    """A model cannot be loaded, or a server cannot be reached or refuses."""


class AbsentModelError(ServingError):
    """The server has no model of this name, or not this version of it."""


class RefusedError(ServingError):
    """The model does not accept these inputs; it may accept others."""


def one_sentence(error: Exception) -> str:
    """Returns an error's message without the trace of the code that built the graph."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    message = message.partition(_NODE)[0]
    if _GRAPH_ERROR in message:  # the cause is the last line
        message = message.strip().rpartition("\n")[2]
    return " ".join(message.split()).removesuffix(".") + "."
