"""Which rows are trained on which data, once each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keras_models.presets import registry
from keras_models.presets.compact import compact
from pipeline.comparison.data import ComparisonData
from pipeline.comparison.task import ComparisonSettings, Task
from transform.common.config import ConfigError

# The rows that a paper's title stands for, and what it compares them with first.
HEADLINE = (
    "mgsa",
    "mgsa_no_garu",
    "spatial_attention",
    "stats",
    "stats_st",
    "stats_ts",
    "vre",
    "vre_kbigru_sound",
    "vre_attention",
    "dual_afr_soft",
    "dual_afr_hard",
    "dual_afr_pool5",
    "dual_afr_fc7",
    "vatex_vanilla",
    "vatex_temporal_rl",
    "vatex_spatial_rl",
)


class ComparisonPlan(NamedTuple):
    """The tasks of a comparison on one set of data."""

    tasks: Sequence[Task]
    twins: dict[str, str]  # rows that are another row's model on these data


def plan(
    data: ComparisonData,
    rows: Iterable[str],
    settings: ComparisonSettings,
    seeds: int,
    headline_seeds: int,
) -> ComparisonPlan:
    """Plans the tasks: a row that is another row's model on these data is not trained.

    Args:
        data: What rows are compared on.
        rows: Names of presets.
        settings: What every row gets alike.
        seeds: How many times a row is trained.
        headline_seeds: How many times those in `HEADLINE` are, if more.

    Raises:
        KinescribeError: There is no preset of such a name.
    """
    first: dict[str, str] = {}  # a row by what it is on these data
    twins: dict[str, str] = {}
    tasks: list[Task] = []
    for row in rows:
        preset = registry.get(row)
        try:
            adapted, stages = compact(preset, data.spec, settings.budget)
            identity = adapted.model.to_json() + stages.to_json()
        except ConfigError:
            identity = row  # the task's outcome says why
        if identity in first:
            twins[row] = first[identity]
            continue
        first[identity] = row
        count = max(seeds, headline_seeds) if row in HEADLINE else seeds
        tasks.extend(Task(row, seed, data, settings) for seed in range(count))
    # Seed by seed, so that a comparison that is stopped has whole tables.
    return ComparisonPlan(sorted(tasks, key=lambda task: task.seed), twins)
