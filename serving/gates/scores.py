"""Gates on scores: bounds, falls against other models, on everything and on slices."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from keras_models.metrics import METRICS, bootstrap, canonical_name, diversity
from serving.gates.evidence import Comparison, Evidence, Sampling, compare
from serving.gates.gate import MetricGate
from serving.gates.verdict import Finding, interval, number
from transform.common.config import Config, Field, validator


class Bounds(Config):
    """Conditions on metrics and on properties of captions, each name → number."""

    # lowest value of each, a fraction
    minimum: dict[str, float] = Field(default_factory=dict)
    # highest value of each
    maximum: dict[str, float] = Field(default_factory=dict)
    # fall of each metric against the baseline that is allowed though it is significant
    max_regression: dict[str, float] = Field(default_factory=dict)

    @validator("minimum", "maximum", "max_regression")
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        known = (*METRICS, *diversity.PROPERTIES)
        for name, bound in values.items():
            if canonical_name(name) not in known:
                raise ValueError(f"{name!r} is none of {', '.join(known)}")
            if not math.isfinite(bound):
                raise ValueError(f"the bound of {name} must be a number")
        # Where a setting is overridden under a metric's other name, the later counts.
        return {canonical_name(name): bound for name, bound in values.items()}

    @validator("max_regression")
    def _gradual(cls, values: dict[str, float]) -> dict[str, float]:
        for name, fall in values.items():
            if name not in METRICS:
                raise ValueError(f"a fall of {name} is no regression; bound it instead")
            if fall < 0:
                raise ValueError(f"the fall of {name} that is allowed must not be < 0")
        return values

    def __bool__(self) -> bool:
        return bool(self.minimum or self.maximum or self.max_regression)


def check_bounds(
    bounds: Bounds, evidence: Evidence, place: str = "", clips: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """Yields a finding for each minimum and maximum, on everything or on a slice.

    Args:
        bounds: The conditions; falls are `check_falls`'s.
        evidence: What was measured.
        place: The slice's name; "" for everything.
        clips: The slice's clips.
    """
    for values, lowest in ((bounds.minimum, True), (bounds.maximum, False)):
        for name, bound in values.items():
            value = evidence.model.value(name, clips if place else None)
            bad = value < bound if lowest else value > bound
            side, allowed = ("below", "least") if lowest else ("above", "most")
            within = f"is {side}" if bad else "is within"
            yield Finding(
                gate="minimum" if lowest else "maximum",
                status="refused" if bad or math.isnan(value) else "passed",
                sentence=f"{_in(place, clips)}{name} {number(value)} {within} the "
                f"{number(bound)} that is asked for at {allowed}.",
                metric=name,
                slice=place,
                value=value,
                bound=bound,
                clips=len(clips) if place else evidence.clips,
            )


def check_falls(
    allowed: dict[str, float],
    evidence: Evidence,
    sampling: Sampling,
    resolution: float | None = None,
    place: str = "",
    clips: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """Yields a comparison with the baseline for each metric of `allowed`.

    Args:
        allowed: Metric → the fall that is allowed.
        evidence: What was measured; without a baseline nothing is yielded.
        sampling: The bootstrap.
        resolution: Half the width that a difference's interval may have; a wider one
            leaves the verdict open.
        place: The slice's name; "" for everything.
        clips: The slice's clips.
    """
    if evidence.baseline is None:
        return
    for found in compare(
        evidence.model,
        evidence.baseline,
        allowed,
        sampling,
        clips if place else None,
    ):
        finding = fall(found, allowed[found.metric], sampling, "max_regression")
        half = (found.interval[1] - found.interval[0]) / 2
        if resolution is not None and half > resolution and not finding.refuses:
            enough = math.ceil(found.clips * (half / resolution) ** 2)
            finding = finding.replace(
                status="undecided",
                sentence=f"{found.metric}'s difference to {found.of} is known to "
                f"±{number(half)} only ({100 * sampling.confidence:g} %); "
                f"{number(resolution)} is asked for, which takes about {enough:,} test "
                "clips.",
                bound=resolution,
            )
        if place:
            said = finding.sentence
            finding = finding.replace(sentence=_in(place, clips) + said, slice=place)
        yield finding


def fall(found: Comparison, allowed: float, sampling: Sampling, gate: str) -> Finding:
    """Returns what a comparison says where a significant fall is refused.

    Args:
        found: The comparison.
        allowed: The fall that is allowed all the same.
        sampling: For the interval's confidence.
        gate: The gate's name.
    """
    low, high = found.interval
    refused = found.significant_fall and -found.gain > allowed
    said = f"{compared(found, sampling)}"
    if refused:
        said += f"; at most {number(allowed)} is allowed"
    return Finding(
        gate=gate,
        status="refused" if refused else "passed",
        sentence=said + ".",
        metric=found.metric,
        value=found.ours,
        bound=allowed,
        reference=found.theirs,
        compared_with=found.of,
        low=low,
        high=high,
        clips=found.clips,
    )


def compared(found: Comparison, sampling: Sampling) -> str:
    """Puts a comparison into words, without the full stop."""
    low, high = found.interval
    way = "above" if found.difference.value > 0 else "below"
    apart = f"{number(abs(found.difference.value))} {way} "
    if not found.difference.value:
        apart = "equal to "
    return (
        f"{found.metric} {number(found.ours)} is {apart}{found.of}'s "
        f"{number(found.theirs)} {interval(low, high, sampling.confidence)}"
    )


class SlicesGate(MetricGate):
    """Refuses a model that has lost a slice which the baseline could caption."""

    # fall of a slice that is allowed though it is significant
    tolerance: float = Field(0.0, ge=0)
    min_clips: int = Field(20, ge=1)  # of the smallest slice that counts

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields a finding for each slice that counts.

        Falls are tested all together: one of many slices falls by chance (Holm, 1979).
        """
        slices = evidence.large_slices(self.min_clips)
        found = {
            name: _compared_slice(evidence, self.metric, sampling, clips)
            for name, clips in slices.items()
        }
        p_values = {n: c.difference.p_fall for n, c in found.items() if c is not None}
        level = (1 - sampling.confidence) / 2
        fallen = dict(
            zip(p_values, bootstrap.holm(list(p_values.values()), level), strict=True)
        )
        for name, clips in slices.items():
            value = evidence.model.value(self.metric, clips)
            comparison = found[name]
            lost = bool(
                comparison is not None
                and fallen[name]
                and -comparison.gain > self.tolerance
            )
            yield self._finding(name, clips, value, comparison, lost)

    def _finding(
        self,
        name: str,
        clips: tuple[str, ...],
        value: float,
        comparison: Comparison | None,
        lost: bool,
    ) -> Finding:
        dead = value == 0 and METRICS[self.metric].higher_is_better
        before = "" if comparison is None else f"{number(comparison.theirs)} → "
        low, high = comparison.interval if comparison else (None, None)
        return Finding(
            gate="falling_slices",
            status="refused" if dead or lost else "passed",
            sentence=f"{_in(name, clips)}{self.metric} {before}{number(value)}.",
            metric=self.metric,
            slice=name,
            value=value,
            bound=self.tolerance,
            reference=comparison.theirs if comparison else None,
            compared_with=comparison.of if comparison else "",
            low=low,
            high=high,
            clips=len(clips),
        )


def _compared_slice(
    evidence: Evidence, metric: str, sampling: Sampling, clips: Collection[str]
) -> Comparison | None:
    if evidence.baseline is None:
        return None
    found = compare(evidence.model, evidence.baseline, [metric], sampling, clips)
    return found[0] if found else None


class ChampionGate(MetricGate):
    """Refuses a model that has fallen below the best one that was ever served.

    Each of ten models may be a little worse than the one before; the tenth is not.
    """

    # fall that is allowed though it is significant
    tolerance: float = Field(0.05, ge=0)

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields the comparison, if a champion is recorded."""
        if evidence.champion is not None:
            for found in compare(
                evidence.model, evidence.champion, [self.metric], sampling
            ):
                yield fall(found, self.tolerance, sampling, "champion")


class BetterGate(Config):
    """Leaves the baseline where it is unless the model is significantly better."""

    metrics: tuple[str, ...] = ("CIDEr-D",)  # one of which has to be better
    push_equal: bool = False  # pushes a model that is not worse, too

    @validator("metrics")
    def _known(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(map(canonical_name, values))
        for name in names:
            if name not in METRICS:
                raise ValueError(f"{name!r} is none of {', '.join(METRICS)}")
        return names


class SliceBounds(Bounds):
    """Conditions on one slice, or on the worst slice of a feature."""

    min_clips: int = Field(20, ge=1)  # of the smallest slice that counts


def check_slices(
    name: str, bounds: SliceBounds, evidence: Evidence, sampling: Sampling
) -> Iterator[Finding]:
    """Yields findings on a slice, or the worst findings on a feature's slices.

    Args:
        name: "category=music" is a slice; "category" is the worst of all categories.
        bounds: The conditions.
        evidence: What was measured.
        sampling: The bootstrap.
    """
    slices = evidence.large_slices(bounds.min_clips)
    if "=" in name:
        chosen = {name: slices[name]} if name in slices else {}
    else:
        chosen = {n: c for n, c in slices.items() if n.split("=", 1)[0] == name}
    if not chosen:
        yield Finding(
            gate="on_slices",
            status="told",
            sentence=f"No slice {name} has {bounds.min_clips} clips or more.",
            slice=name,
        )
        return
    worst: dict[tuple[str, str], tuple[float, Finding]] = {}
    for place, clips in chosen.items():
        for finding in (
            *check_bounds(bounds, evidence, place, clips),
            *check_falls(bounds.max_regression, evidence, sampling, None, place, clips),
        ):
            key = finding.gate, finding.metric
            margin = _margin(finding)
            if key not in worst or margin < worst[key][0]:
                worst[key] = margin, finding
    yield from (finding for _, finding in worst.values())


def _margin(finding: Finding) -> float:
    """Returns how far a finding is from being refused: the least is the worst."""
    value, bound = finding.value or 0.0, finding.bound or 0.0
    if finding.gate == "max_regression":
        apart = (finding.high or 0.0) + bound
    else:
        apart = value - bound if finding.gate == "minimum" else bound - value
    return apart - (1e9 if finding.refuses else 0.0)


def _in(place: str, clips: Collection[str]) -> str:
    return f"Slice {place} ({len(clips)} clips): " if place else ""
