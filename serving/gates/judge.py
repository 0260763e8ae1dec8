"""`judge`: makes one verdict of what the gates find."""

from __future__ import annotations

from keras_models.metrics import bootstrap
from keras_models.metrics.bootstrap import Interval
from serving.gates.config import GateConfig
from serving.gates.evidence import Comparison, Evidence, compare
from serving.gates.scores import compared
from serving.gates.verdict import Finding, Outcome, Verdict, interval, number, sentence

_MAIN_METRIC = "CIDEr-D"


def judge(gates: GateConfig, evidence: Evidence, accept: str = "") -> Verdict:
    """Returns the verdict on a model.

    - `refused`: a gate refuses it; `undecided`: there are too few clips to tell;
    - `equal`: nothing is significantly better than the baseline, which stays;
    - `blessed`: it is to be pushed;
    - `accepted`: a person pushes it though it is refused, which no one can where the
      model cannot be served.

    Args:
        gates: The conditions.
        evidence: What was measured.
        accept: A person's reason to push the model whatever the gates say.
    """
    baseline = evidence.baseline
    findings = tuple(gates.check(evidence))
    servable = not any(f.refuses for f in findings if f.gate == "servable")
    compared_with = _comparisons(gates, evidence)
    outcome = _outcome(gates, evidence, findings, compared_with)
    refusals = [finding for finding in findings if finding.refuses]
    intervals = bootstrap.intervals(
        evidence.model.statistics,
        samples=gates.sampling.samples,
        confidence=gates.sampling.confidence,
        seed=gates.sampling.seed,
    )
    said = [compared(found, gates.sampling) for found in compared_with]
    alone = _alone(evidence, intervals, gates.sampling.confidence)
    text = sentence(outcome, _parts(outcome, evidence, refusals, said, alone))
    if accept and servable and outcome in ("refused", "undecided", "equal"):
        text = sentence("accepted", [f"{accept.rstrip('.')}.", text])
        outcome = "accepted"
    return Verdict(
        outcome=outcome,
        sentence=text,
        servable=servable,
        accepted=accept if outcome == "accepted" else "",
        first=baseline is None,
        baseline_note=evidence.baseline_note,
        clips=evidence.clips,
        clips_wanted=evidence.wanted,
        scores=evidence.model.statistics.corpus(),
        intervals={name: (found.low, found.high) for name, found in intervals.items()},
        controls={c.name: c.statistics.corpus() for c in evidence.controls},
        baseline_scores=baseline.statistics.corpus() if baseline else {},
        findings=findings,
    )


def _comparisons(gates: GateConfig, evidence: Evidence) -> list[Comparison]:
    """Compares with the baseline by what decides between better and equal."""
    if evidence.baseline is None:
        return []
    metrics = gates.better.metrics if gates.better else (_MAIN_METRIC,)
    return compare(evidence.model, evidence.baseline, metrics, gates.sampling)


def _outcome(
    gates: GateConfig,
    evidence: Evidence,
    findings: tuple[Finding, ...],
    compared_with: list[Comparison],
) -> Outcome:
    statuses = {finding.status for finding in findings}
    for status in ("refused", "undecided"):
        if status in statuses:
            return status  # type: ignore[return-value]
    if evidence.same_weights:
        return "equal"
    better = gates.better
    if better is None or better.push_equal or not compared_with:
        return "blessed"
    gain = any(found.significant_gain for found in compared_with)
    return "blessed" if gain else "equal"


def _parts(
    outcome: Outcome,
    evidence: Evidence,
    refusals: list[Finding],
    comparisons: list[str],
    alone: str,
) -> list[str]:
    """Returns the sentences of the verdict, the weightiest first."""
    clips = f"{evidence.clips:,} of {evidence.wanted:,} test clips."
    if refusals:
        on_all = [finding.sentence for finding in refusals if not finding.slice]
        on_slices = [finding.sentence for finding in refusals if finding.slice]
        return [*on_all, clips, *on_slices]
    baseline = evidence.baseline.name if evidence.baseline else "the baseline"
    if outcome == "equal" and evidence.same_weights:
        return [f"the weights are those of {baseline}, which stays."]
    if outcome == "equal":
        said = "; ".join(comparisons)
        return [f"{said}: nothing is surely better, so {baseline} stays.", clips]
    return [f"{'; '.join(comparisons)}." if comparisons else alone, clips]


def _alone(
    evidence: Evidence, intervals: dict[str, Interval], confidence: float
) -> str:
    """Says of a model without a baseline what it was held against."""
    name = _MAIN_METRIC if _MAIN_METRIC in intervals else next(iter(intervals))
    value, low, high = intervals[name]
    controls = [f"{number(c.value(name))} of {c.name}" for c in evidence.controls]
    against = f", against {' and '.join(controls)}" if controls else ""
    why = evidence.baseline_note or "nothing has been pushed yet"
    return (
        f"compared with no other model, as {why}. {name} {number(value)} "
        f"{interval(low, high, confidence)}{against}."
    )
