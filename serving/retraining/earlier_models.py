"""The model that is served, and what became of those that are not."""

from __future__ import annotations

from serving.pushing import ledger, soundness
from serving.pushing.origin import Origin
from serving.retraining.decision import Served

_NOT_SERVED = {
    "refused": "refused",
    "equal": "found to be equal to the one that is served",
    "rejected": "rejected by a server",
    "rolled-back": "rolled back",
}


def served_version(destination: str) -> Served | None:
    """Returns the newest version that is to be served, if there is one.

    Raises:
        DamagedVersionError: There are versions, and none is whole.
    """
    pushed = soundness.newest_sound(destination).pushed
    if not pushed:
        return None
    # Versions are numbered by the second of their push.
    return Served(pushed.version, int(pushed.version), Origin.read(pushed.folder))


def attempts(destination: str) -> dict[str, str]:
    """Returns in words what became of models that are not served, by their origins."""
    found: dict[str, str] = {}
    for event in ledger.events(destination):
        if event.event in _NOT_SERVED and event.origin_digest:
            why = f": {event.reason}" if event.reason else ""
            words = _NOT_SERVED[event.event]
            found[event.origin_digest] = words + why.removesuffix(".")
        elif event.event == "forgiven":
            found.pop(event.origin_digest, None)
    return found
