"""Which pushed versions can go."""

from __future__ import annotations

import os

from pipeline.cleaning.removal import Removal, Rules, left_overs, state
from serving.judging import recorded
from serving.pushing import destination as destinations
from serving.pushing import ledger, rollback
from serving.pushing.destination import EVALUATION, PushedVersion

_METRIC = "CIDEr-D"  # that the champion is the best of


def removable(destination: str, rules: Rules, now: float) -> list[Removal]:
    """Returns the versions that nobody serves, names or compares with.

    Kept are the newest, the live one, what it was compared with, the target of a
    roll-back, the best ever pushed, labelled ones, and what is young.
    """
    pushed = destinations.versions(destination)
    needed = {version.version for version in pushed[-rules.keep_versions :]}
    states = rollback.states(destination)
    live = next((each for each in states if each.state == "live"), None)
    if live:
        needed.add(live.version)
        if live.record:
            needed.add(live.record.baseline_version)
        if target := rollback.target(destination):
            needed.add(target.version)
    needed |= set(ledger.labels(destination).values())
    needed |= _champion(pushed)
    found = left_overs(destination)
    for version in pushed:
        if version.version in needed:
            continue
        stated = state(version.folder)
        if now - stated.modified > rules.older_days * 86400:
            why = (
                f"beyond the newest {rules.keep_versions}; not served, named or needed"
            )
            found.append(
                Removal("version", version.folder, stated.size, why, "saved_model.pb")
            )
    return found


def _champion(pushed: list[PushedVersion]) -> set[str]:
    """Returns the version with the best recorded score, if scores are recorded."""
    scores = {}
    for version in pushed:
        verdict = recorded.read_verdict(os.path.join(version.folder, EVALUATION))
        if verdict and _METRIC in verdict.scores:
            scores[version.version] = verdict.scores[_METRIC]
    return {max(scores, key=lambda version: scores[version])} if scores else set()
