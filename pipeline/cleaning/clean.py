"""Plans what of a run's root and push folder can go, and carries it out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import tensorflow as tf

from pipeline.cleaning import artifacts, versions
from pipeline.cleaning.removal import Removal, Rules, left_overs, remove, state
from pipeline.configs import PipelineConfig
from serving.pushing import ledger
from transform.common import lease, storage
from transform.records import run_uses
from transform.records.dataset import DESCRIPTIONS
from transform.records.run_uses import RunUse


def plan(config: PipelineConfig, rules: Rules, now: float) -> list[Removal]:
    """Returns what can go; nothing is changed.

    Args:
        config: Whose root and push folder are looked at.
        rules: What is kept.
        now: Seconds since 1970.
    """
    kept, gone = artifacts.removable(config.root, rules, now)
    uses = [*run_uses.read_newest(config.records_folder, rules.keep_runs), *kept]
    return [
        *versions.removable(config.push_destination, rules, now),
        *gone,
        *_records(config, uses, rules, now),
        *_features(config, uses, rules, now),
        *_oldest("training", config.training_folder, rules, now),
        *_oldest("log", config.run_log, rules, now),
    ]


@contextlib.contextmanager
def alone(config: PipelineConfig) -> Iterator[None]:
    """Keeps runs and pushes out while the block runs.

    Raises:
        LeaseError: One is going on.
    """
    with contextlib.ExitStack() as stack:
        for folder in (config.run_log, config.push_destination):
            stack.enter_context(lease.held(folder, wait=2.0))
        yield


def carry_out(config: PipelineConfig, removals: Sequence[Removal], by: str) -> None:
    """Removes what was planned; versions are remembered in the ledger."""
    artifacts.forget(config.root, [r.path for r in removals if r.kind == "artifact"])
    for removal in removals:
        remove(removal)
        if removal.kind == "version":
            ledger.record(
                config.push_destination,
                "cleaned",
                version=os.path.basename(removal.path),
                reason=removal.why,
                by=by,
            )


def _records(
    config: PipelineConfig, uses: Sequence[RunUse], rules: Rules, now: float
) -> list[Removal]:
    """Returns shared records that no kept run uses; descriptions go before them."""
    needed = {path for use in uses for path in use.records}
    found = []
    for path, size in _files(config.records_folder, rules, now):
        relative = os.path.relpath(path, config.records_folder)
        if relative.startswith("."):
            continue
        if relative.removesuffix(DESCRIPTIONS) not in needed:
            found.append(
                Removal("records", path, size, f"in none of the {len(uses)} kept runs")
            )
    return sorted(found, key=lambda one: not one.path.endswith(DESCRIPTIONS))


def _features(
    config: PipelineConfig, uses: Sequence[RunUse], rules: Rules, now: float
) -> list[Removal]:
    """Returns entries of the feature store of clips that no kept run has."""
    needed = {f"{use.spec_hash}/{clip}" for use in uses for clip in use.clips}
    found = []
    for path, size in _files(config.feature_store, rules, now):
        relative = os.path.relpath(path, config.feature_store)
        spec, _, name = relative.partition("/")
        clip = os.path.basename(name).removesuffix(".zip")
        if not clip.startswith(".") and f"{spec}/{clip}" not in needed:
            why = f"its clip is in none of the {len(uses)} kept runs"
            found.append(Removal("features", path, size, why))
    return found


def _oldest(kind: str, folder: str, rules: Rules, now: float) -> list[Removal]:
    """Returns the subfolders beyond the newest that are kept."""
    stated = [
        (path, state(path))
        for name in storage.names_in(folder)
        if not name.startswith(".")
        for path in [os.path.join(folder, name)]
    ]
    stated.sort(key=lambda one: -one[1].modified)
    return left_overs(folder) + [
        Removal(kind, path, one.size, f"beyond the newest {rules.keep_runs}")
        for path, one in stated[rules.keep_runs :]
        if now - one.modified > rules.older_days * 86400
    ]


def _files(folder: str, rules: Rules, now: float) -> Iterator[tuple[str, int]]:
    """Yields the files below a folder that are old enough, and their sizes."""
    if not tf.io.gfile.exists(folder):
        return
    for parent, _, names in tf.io.gfile.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            one = state(path)
            if now - one.modified > rules.older_days * 86400:
                yield path, one.size
