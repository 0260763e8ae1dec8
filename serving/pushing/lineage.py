"""Where a version comes from: verdict, run, settings, clips, and its parents."""

from __future__ import annotations

import collections
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from serving.common.errors import ServingError
from serving.gates.verdict import Verdict
from serving.pushing import destination as destinations
from serving.pushing import ledger
from serving.pushing.destination import (
    EVALUATION,
    MANIFEST,
    VERDICT,
    PushedVersion,
    PushRecord,
)
from serving.pushing.ledger import Event
from serving.pushing.origin import Clips, Origin
from transform.common.config import first_difference
from transform.common.location import Location


class Ancestor(NamedTuple):
    """One version of a chain, and how it differs from the one that it came from."""

    version: str
    record: PushRecord | None  # None of a version from elsewhere
    origin: Origin | None  # None of a model that no scheduled run made
    verdict: Verdict | None
    events: tuple[Event, ...]
    added: tuple[str, ...]  # ids of clips that its parent did not have
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    settings: str  # the first setting that differs from its parent's
    manifest: str  # the file with the outcome of each clip; "" where none was kept

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON types."""
        return {
            **self._asdict(),
            "record": self.record.to_dict() if self.record else None,
            "origin": self.origin.to_dict() if self.origin else None,
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "events": [event.to_dict() for event in self.events],
        }


def trace(destination: str, version: str = "") -> list[Ancestor]:
    """Returns a version and those whose weights it began with, the youngest first.

    Args:
        destination: The folder that models are pushed to.
        version: Which one; by default the newest.

    Raises:
        ServingError: There is no such version.
    """
    pushed = {found.version: found for found in destinations.versions(destination)}
    version = version or next(reversed(pushed), "")
    if version not in pushed:
        raise ServingError(
            f"{destination} has no version {version or 'at all'}: its versions are "
            f"{', '.join(pushed) or 'none'}."
        )
    events = ledger.events(destination)
    chain: list[Ancestor] = []
    while version in pushed and version not in {each.version for each in chain}:
        origin = Origin.read(pushed[version].folder)
        parent = pushed.get(origin.parent) if origin else None
        chain.append(_ancestor(pushed[version], origin, parent, events))
        version = origin.parent if origin else ""
    return chain


def _ancestor(
    version: PushedVersion,
    origin: Origin | None,
    parent: PushedVersion | None,
    events: Sequence[Event],
) -> Ancestor:
    before = Origin.read(parent.folder) if parent else None
    now: Clips = origin.clips if origin else {}
    then: Clips = before.clips if before else {}
    return Ancestor(
        version.version,
        version.record(),
        origin,
        _verdict(version),
        tuple(event for event in events if event.version == version.version),
        tuple(sorted(now.keys() - then.keys())) if before else (),
        tuple(sorted(then.keys() - now.keys())),
        tuple(sorted(i for i in now.keys() & then.keys() if now[i] != then[i])),
        first_difference(before.settings, origin.settings) if before and origin else "",
        _manifest(version),
    )


def _manifest(version: PushedVersion) -> str:
    path = os.path.join(version.folder, MANIFEST)
    return path if tf.io.gfile.exists(path) else ""


def _verdict(version: PushedVersion) -> Verdict | None:
    path = os.path.join(version.folder, EVALUATION, VERDICT)
    if not tf.io.gfile.exists(path):
        return None
    return Verdict.from_json(Location(path).read_bytes(), path)


def card(chain: Sequence[Ancestor]) -> str:
    """Returns a model card of the first version, as Markdown."""
    model = chain[0]
    record, origin, verdict = model.record, model.origin, model.verdict
    lines = [f"# Version {model.version}", ""]
    if numbered := destinations.numbered_at(model.version):
        lines.append(f"Numbered {numbered}.")
    if verdict:
        lines += ["", "## Judgement", "", verdict.sentence, ""]
        lines += ["| metric | value | 95 % |", "|---|---|---|"]
        for name, value in sorted(verdict.scores.items()):
            interval = verdict.intervals.get(name)
            said = f"{interval[0]:.3f} … {interval[1]:.3f}" if interval else ""
            lines.append(f"| {name} | {value:.3f} | {said} |")
    if origin:
        splits = collections.Counter(split for split, _, _ in origin.clips.values())
        counts = ", ".join(f"{count:,} {split}" for split, count in splits.items())
        lines += ["", "## Data", "", f"{len(origin.clips):,} clips: {counts}.", ""]
        lines += ["## Training", "", origin.reason or "Started by hand."]
        lines += [f"Note: {origin.note}"] if origin.note else []
        lines += [f"Run {origin.run_id}."] if origin.run_id else []
    if record:
        lines += ["", "## Digests", "", "| of | digest |", "|---|---|"]
        for name, value in record.to_dict().items():
            if name.endswith(("digest", "hash")) and value:
                lines.append(f"| {name.replace('_', ' ')} | `{value}` |")
        lines += ["", "## Push", "", *(f"- {fact}" for fact in facts(model))]
    lines += ["", "## Ancestors", ""]
    lines += [f"- {in_words(ancestor)}" for ancestor in chain]
    if model.events:
        lines += ["", "## Events", ""]
        lines += [f"- {event.in_words()}" for event in model.events]
    return "\n".join(lines) + "\n"


def facts(ancestor: Ancestor) -> list[str]:
    """Returns what a version's record says of push, run, code and clips, in lines."""
    record = ancestor.record
    if not record:
        return []
    lines = []
    if record.time:
        run = f" by run {record.run_id}" if record.run_id else ""
        lines.append(f"pushed {record.time}{run}, {record.start or 'unknown'} start")
    if record.clips:
        lines.append(_clips_in_words(record))
    if record.failures:
        reasons = (f"{n:,} × {reason}" for reason, n in _commonest(record.failures))
        lines.append(f"failed: {'; '.join(reasons)}")
    if record.manifest_digest:
        kept = f" in {ancestor.manifest}" if ancestor.manifest else ""
        lines.append(f"manifest {record.manifest_digest}{kept}")
    for name, value in sorted(record.scores.items()):
        interval = record.intervals.get(name)
        said = f" ({interval[0]:.3f} … {interval[1]:.3f})" if interval else ""
        lines.append(f"{name} {value:.3f}{said}")
    if record.revision:
        changed = ", with changes" if record.changed else ""
        lines.append(f"code {record.revision}{changed}")
    if record.training_image:
        lines.append(f"trained in {record.training_image}")
    if record.image:
        lines.append(f"pushed by {record.image}")
    if record.libraries:
        versions = (f"{name} {number}" for name, number in record.libraries.items())
        lines.append(f"libraries: {', '.join(versions)}")
    lines += [f"artifact {name}: {uri}" for name, uri in record.artifacts.items()]
    return lines


def _clips_in_words(record: PushRecord) -> str:
    said = []
    if record.clips_wanted is not None:
        said.append(f"{record.clips_used:,} of {record.clips_wanted:,} used")
    for split, of_split in record.clips.items():
        counts = (f"{count:,} {status}" for status, count in _commonest(of_split))
        said.append(f"{split} {', '.join(counts)}")
    return f"clips: {'; '.join(said)}"


def _commonest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def in_words(ancestor: Ancestor) -> str:
    """Returns one line about a version and its difference from its parent."""
    origin = ancestor.origin
    if not origin:
        return f"{ancestor.version}: it does not say what it was made from"
    start = f"from version {origin.parent}" if origin.parent else "from fresh weights"
    parts = [f"{ancestor.version}: {start}, {len(origin.clips):,} clips"]
    for word in ("added", "removed", "changed"):
        if ids := getattr(ancestor, word):
            parts.append(f"{len(ids):,} {word}")
    if ancestor.settings:
        parts.append(f"other settings: {ancestor.settings}")
    return ", ".join(parts)
