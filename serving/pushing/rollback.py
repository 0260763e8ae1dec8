"""Takes a version out of service by serving an earlier one's content again."""

from __future__ import annotations

from typing import NamedTuple

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import ledger, soundness
from serving.pushing.destination import PushedVersion, PushRecord
from serving.pushing.origin import Origin
from serving.pushing.push import push


class VersionState(NamedTuple):
    """A version of a push destination, and what has become of it."""

    version: str
    state: str  # live, earlier, damaged, rolled back or rejected
    reason: str  # of a withdrawal, or what is damaged
    record: PushRecord | None
    origin: Origin | None


def states(destination: str) -> list[VersionState]:
    """Returns the complete versions, newest first; the live one is what is served."""
    withdrawn = ledger.withdrawn(destination)
    rejected = ledger.rejections(destination)
    found = []
    live = False
    for pushed in reversed(destinations.versions(destination)):
        record = pushed.record()
        event = withdrawn.get(record.weights_digest) if record else None
        state = event.event.replace("-", " ") if event else "earlier"
        reason = event.in_words() if event else ""
        if not live and not event:
            if problem := soundness.damage(pushed):  # servers pass it over
                state, reason = "damaged", f"version {pushed.version}: {problem}."
                if event := rejected.get(pushed.version):
                    state, reason = "rejected", event.in_words()
            else:
                state, live = "live", True
        found.append(
            VersionState(
                pushed.version,
                state,
                reason,
                record,
                Origin.read(pushed.folder),
            )
        )
    return found


def roll_back(
    destination: str, reason: str, to: str = "", by: str = ""
) -> tuple[PushedVersion, str]:
    """Serves an earlier version's content again, under a new and higher number.

    Nothing is deleted, and every server that follows the newest version follows. The
    version that was served is withdrawn: no run pushes the same model again.

    Args:
        destination: The folder that models are pushed to.
        reason: Why, for the ledger.
        to: The version to serve again; by default the newest one before with another
            model that was not withdrawn itself.
        by: Who did it.

    Returns:
        The new version, and the number of the one whose content it has.

    Raises:
        ServingError: There is no such version.
    """
    versions = {v.version: v for v in destinations.versions(destination)}
    known = states(destination)
    live = next((state for state in known if state.state == "live"), None)
    if not live:
        raise ServingError(f"{destination} has no version to roll back from.")
    if known[0] is not live and not to:  # an earlier roll-back was interrupted
        return _serve_again(destination, versions[live.version]), live.version
    target = versions.get(to) if to else _before(versions, known, live)
    if not target:
        wanted = f"version {to}" if to else "an earlier version with another model"
        raise ServingError(
            f"{destination} has not {wanted}: its versions are {', '.join(versions)}."
        )
    if target.version == live.version:
        raise ServingError(f"version {to} is the one that is served now.")
    ledger.record(
        destination,
        "rolled-back",
        version=live.version,
        weights_digest=_digest(versions[live.version], live.record),
        origin_digest=live.origin.fingerprint if live.origin else "",
        reason=reason,
        by=by,
        content_of=target.version,
    )
    return _serve_again(destination, target), target.version


def target(destination: str) -> PushedVersion | None:
    """Returns the version that a roll-back would serve again, if there is one."""
    versions = {v.version: v for v in destinations.versions(destination)}
    known = states(destination)
    live = next((state for state in known if state.state == "live"), None)
    return _before(versions, known, live) if live else None


def forgive(destination: str, version: str, reason: str, by: str = "") -> None:
    """Lets the model of a withdrawn, removed or damaged version be pushed again.

    Raises:
        ServingError: There is no such version, or nothing is held against it.
    """
    weights, origin = _held_against(destination, version)
    ledger.record(
        destination,
        "forgiven",
        version=version,
        weights_digest=weights,
        origin_digest=origin,
        reason=reason,
        by=by,
    )


def _held_against(destination: str, version: str) -> tuple[str, str]:
    """Returns the digests of the weights and the origin that no run pushes again."""
    for state in states(destination):
        if state.version == version and state.state in ("rolled back", "rejected"):
            assert state.record
            origin = state.origin.fingerprint if state.origin else ""
            return state.record.weights_digest, origin
    for event in ledger.events(destination):
        if (event.event, event.version) == ("pushed", version):
            if soundness.lost(destination, event.weights_digest):
                return event.weights_digest, event.origin_digest
    raise ServingError(f"{destination} has no version {version} that was withdrawn.")


def _serve_again(destination: str, target: PushedVersion) -> PushedVersion:
    record = target.record() or PushRecord(
        version="",
        weights_digest=weights_digest(target.folder),
        config_digest="",
        data_digest="",
        spec_hash="",
        baseline_version="",
    )
    return push(target.folder, destination, record)


def _before(
    versions: dict[str, PushedVersion], known: list[VersionState], live: VersionState
) -> PushedVersion | None:
    bad = _digest(versions[live.version], live.record)
    for state in known:
        digest = _digest(versions[state.version], state.record)
        if state.state == "earlier" and digest != bad:
            return versions[state.version]
    return None


def _digest(version: PushedVersion, record: PushRecord | None) -> str:
    return record.weights_digest if record else weights_digest(version.folder)
