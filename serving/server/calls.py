"""`Call`: what is known of a call while it is answered, for metrics and the log."""

from __future__ import annotations

import dataclasses
import logging
import re
import time
import uuid

from serving.server.refusals import Code

LOG = logging.getLogger("kinescribe.serving.requests")
REQUEST_ID = "x-request-id"  # a header of gRPC and of HTTP alike

_SAFE_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


@dataclasses.dataclass
class Call:
    """A call in progress; whoever answers it fills in what they learn."""

    method: str
    protocol: str  # "grpc" or "rest"
    peer: str = ""
    request_id: str = ""
    model: str = ""  # only names that the server has: callers make up others
    version: int | None = None
    signature: str = ""  # likewise
    rows: int = 0
    queue_seconds: float = 0.0
    run_seconds: float = 0.0
    code: Code = Code.OK
    started: float = dataclasses.field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """The time since the call came in."""
        return time.perf_counter() - self.started

    def log(self, fault: str = "") -> None:
        """Writes one line about the call, which has ended.

        Args:
            fault: What the caller was told, if it was refused.
        """
        fields = {
            "method": self.method,
            "protocol": self.protocol,
            "request_id": self.request_id,
            "peer": self.peer,
            "model": self.model,
            "version": self.version,
            "signature": self.signature,
            "rows": self.rows,
            "queue_ms": round(1000 * self.queue_seconds, 3),
            "run_ms": round(1000 * self.run_seconds, 3),
            "total_ms": round(1000 * self.seconds, 3),
            "status": self.code.name,
        }
        if fault:
            fields["fault"] = fault
        LOG.info("request", extra={"fields": fields})


def request_id_of(received: str) -> str:
    """Returns the caller's own id of a request, or a new one if that is unfit."""
    return received if _SAFE_ID.fullmatch(received) else uuid.uuid4().hex
