"""Presets at a size and budget that a laptop trains, the same for every row.

A row keeps what it is: its encoder, attentions and decoder, the objectives of its
plan and their order. What becomes small, and equal among rows, is said by `Budget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_models.objectives.self_critical import SelfCritical
from keras_models.presets.adaptation import Adaptation, adapt
from keras_models.presets.preset import Preset
from keras_models.training.learning_rates import ConstantRate, CosineRate
from keras_models.training.optimizers import Adam
from keras_models.training.plan import Plan, Stage
from transform.common.config import Config, Field
from transform.schema import FeatureSpec


class Budget(Config):
    """What every row gets alike: widths, epochs and rates."""

    units: int = Field(128, ge=1)  # the most, of every layer
    embedding: int = Field(64, ge=1)  # the most features of a word
    channels: int = Field(32, ge=1)  # the most, of every convolution of the flow
    dropout: float = Field(0.3, ge=0, lt=1)  # wherever a row has any
    epochs: int = Field(10, ge=1)  # of all stages together, as the paper divides them
    rate: float = Field(5e-3, gt=0)  # Adam's, falls to a tenth in every stage
    warmup: float = Field(0.25, ge=0, lt=1)  # share of a stage in which the rate rises
    fine_tuning_rate: float = Field(1e-4, gt=0)  # of stages that reinforce
    clip_norm: float = Field(5.0, gt=0)  # of all gradients together


def compact(
    preset: Preset, spec: FeatureSpec, budget: Budget
) -> tuple[Adaptation, Plan]:
    """Returns a row's model of the features of `spec` and its plan, within a budget.

    Raises:
        ConfigError: The row cannot read these features.
    """
    adapted = adapt(preset.model, spec)
    small = _small(adapted.model, budget)
    return adapted._replace(model=small), small_plan(preset.plan, budget)


def small_plan(plan: Plan, budget: Budget) -> Plan:
    """Returns a plan of `budget.epochs`, divided among its stages as they were."""
    total = sum(stage.epochs for stage in plan.stages)
    ends = [
        round(
            budget.epochs * sum(stage.epochs for stage in plan.stages[:count]) / total
        )
        for count in range(len(plan.stages) + 1)
    ]
    return Plan(
        stages=tuple(
            _small_stage(stage, max(1, end - start), budget)
            for stage, start, end in zip(plan.stages, ends, ends[1:], strict=False)
        )
    )


def _small_stage(stage: Stage, epochs: int, budget: Budget) -> Stage:
    if isinstance(stage.objective, SelfCritical):
        rate: Any = ConstantRate(rate=budget.fine_tuning_rate)
    else:
        rate = CosineRate(
            rate=budget.rate, warmup=budget.warmup, final=budget.rate / 10
        )
    return stage.replace(
        epochs=epochs,
        optimizer=Adam(),
        learning_rate=rate,
        clip_norm=budget.clip_norm,
        validate_every=1,
        patience=None,
        monitor=None,
    )


def _small(value: Any, budget: Budget, name: str = "") -> Any:
    """Returns settings with every width lowered, wherever in a model it stands."""
    if isinstance(value, Config):
        changes = {key: _small(part, budget, key) for key, part in dict(value).items()}
        return value.replace(**changes)
    if isinstance(value, tuple):
        return tuple(_small(item, budget, name) for item in value)
    most: Mapping[str, int] = {
        "units": budget.units,
        "width": budget.units,
        "embedding": budget.embedding,
        "channels": budget.channels,
    }
    if name in most and isinstance(value, int):
        return min(value, most[name])
    if name == "initial_range":
        return None  # what fits the paper's widths takes too many steps at these
    return budget.dropout if name == "dropout" and value else value
