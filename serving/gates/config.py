"""`GateConfig`: every gate that a model passes before it is pushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from serving.gates.captions import ControlsGate, SanityGate, WordsGate
from serving.gates.clips import CoverageGate, LeakGate
from serving.gates.evidence import Evidence, Sampling
from serving.gates.gate import Gate
from serving.gates.scores import (
    BetterGate,
    Bounds,
    ChampionGate,
    SliceBounds,
    SlicesGate,
    check_bounds,
    check_falls,
    check_slices,
)
from serving.gates.serving_cost import CostGate, ServableGate
from serving.gates.verdict import Finding
from transform import schema
from transform.common.config import Field, root_validator


class GateConfig(Bounds):
    """The conditions on which a model is pushed; a gate that is null is off.

    `minimum`, `maximum` and `max_regression` are conditions on all test clips together,
    `on_slices` those on parts of them.
    """

    # fall of each metric against the baseline that is allowed though it is significant
    max_regression: dict[str, float] = Field(default_factory=lambda: {"CIDEr-D": 0.02})
    # conditions on a slice, "category=music", or on a feature's worst, "category"
    on_slices: dict[str, SliceBounds] = Field(default_factory=dict)
    # what scores are also computed by: columns of records, labels, a manifest's status
    slices: tuple[str, ...] = schema.SLICES
    sampling: Sampling = Sampling()  # how differences of scores are resampled
    # clips with a recorded caption of another model that a comparison takes
    min_common: int = Field(20, ge=1)
    # widest half interval of a difference with which it is decided; any without it
    resolution: Optional[float] = Field(None, gt=0)
    sanity: Optional[SanityGate] = SanityGate()  # empty, cut, repeated, unknown, NaN
    controls: Optional[ControlsGate] = ControlsGate()  # above captions that see nothing
    better: Optional[BetterGate] = BetterGate()  # pushed only if better
    champion: Optional[ChampionGate] = ChampionGate()  # not below the best ever pushed
    falling_slices: Optional[SlicesGate] = SlicesGate()  # no slice lost
    coverage: Optional[CoverageGate] = CoverageGate()  # enough test clips
    leak: Optional[LeakGate] = LeakGate()  # no test clip in the training
    words: Optional[WordsGate] = None  # no listed word
    cost: Optional[CostGate] = CostGate()  # CPU time, size, memory
    servable: Optional[ServableGate] = ServableGate()  # it serves what was evaluated

    @root_validator(skip_on_failure=True)
    def _has_a_condition(cls, values: dict[str, object]) -> dict[str, object]:
        bounds = ("minimum", "maximum", "max_regression", "on_slices")
        if not any(values[name] for name in (*bounds, *_GATES)):
            raise ValueError(
                "every gate is off, so that any model would be pushed: keep sanity, or "
                "set a minimum"
            )
        return values

    def gates(self) -> tuple[Gate, ...]:
        """Returns the gates that are on, in the order in which they are checked."""
        found = (getattr(self, name) for name in _GATES)
        return tuple(gate for gate in found if gate is not None)

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """Yields what every gate finds; `BetterGate` is the judge's."""
        for gate in self.gates():
            yield from gate.check(evidence, self.sampling)
        yield from check_bounds(self, evidence)
        yield from check_falls(
            self.max_regression, evidence, self.sampling, self.resolution
        )
        for name, bounds in self.on_slices.items():
            yield from check_slices(name, bounds, evidence, self.sampling)


_GATES = (
    "servable",
    "sanity",
    "coverage",
    "controls",
    "champion",
    "falling_slices",
    "words",
    "cost",
    "leak",
)
