"""The log of a server: lines of text or of JSON, written by a thread of their own.

A reader that does not read, or a disk that does not write, must not hold up those who
answer calls: what the log cannot take in time is dropped and counted.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
from typing import Literal

_LINES = 10_000  # that may wait to be written
_FLUSH_SECONDS = 2.0


class TextFormatter(logging.Formatter):
    """Formats records as lines of text; a request's fields follow as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record, which may be several if it has a trace."""
        line = super().format(record)
        fields = getattr(record, "fields", {})
        parts = (f"{key}={value}" for key, value in fields.items() if value != "")
        return " ".join([line, *parts])


class JsonFormatter(logging.Formatter):
    """Formats every record as one line of JSON, for what collects logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class BackgroundLog:
    """Writes what is logged to `kinescribe` to standard error, from a thread.

    Args:
        log_format: Lines of "text", or of "json".
    """

    def __init__(self, log_format: Literal["text", "json"]):
        stream = logging.StreamHandler()
        stream.setFormatter(
            JsonFormatter() if log_format == "json" else TextFormatter()
        )
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(_LINES)
        self._handler = _DroppingHandler(self._lines)
        self._writer = logging.handlers.QueueListener(
            self._lines,  # type: ignore[arg-type]
            stream,
        )

    def start(self) -> None:
        """Takes over the loggers of `kinescribe`."""
        log = logging.getLogger("kinescribe")
        log.addHandler(self._handler)
        log.propagate = False
        logging.getLogger("kinescribe.serving").setLevel(logging.INFO)
        self._writer.start()

    def close(self) -> bool:
        """Writes what is left, and ends the thread.

        Returns:
            Whether somebody took it; if not, a thread waits in its write for ever.
        """
        logging.getLogger("kinescribe").removeHandler(self._handler)
        writer = self._writer._thread
        try:
            self._lines.put(None, timeout=_FLUSH_SECONDS)  # the writer's end
        except queue.Full:
            return False
        if writer:
            writer.join(_FLUSH_SECONDS)
        return not (writer and writer.is_alive())


class _DroppingHandler(logging.handlers.QueueHandler):
    """Queues records as they are, and drops those that find the queue full."""

    def __init__(self, lines: queue.Queue[logging.LogRecord | None]):
        super().__init__(lines)  # type: ignore[arg-type]
        self._lines = lines
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leaves the fields and the trace to the formatter."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queues a record, or counts it as dropped."""
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self.dropped += 1
