"""TensorFlow's errors in one sentence."""

from __future__ import annotations

_GRAPH_ERROR = "Graph execution error:"
_NODE = "\n\t [["


def sentence(error: Exception) -> str:
    """What went wrong, without the trace of the Python that built the graph."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    message = message.partition(_NODE)[0]
    if _GRAPH_ERROR in message:  # the cause is the last line
        message = message.strip().rpartition("\n")[2]
    return " ".join(message.split()).removesuffix(".") + "."
