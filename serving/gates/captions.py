"""Gates on the captions themselves: what no model that is served may write."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from serving.gates.evidence import Evidence, Sampling, compare
from serving.gates.gate import Gate, MetricGate
from serving.gates.verdict import Finding, interval, number
from transform.common.config import Field, validator


class _Limit(NamedTuple):
    """A property of captions, how a sentence puts it, and the side that is bad."""

    property: str
    said: str
    lowest: bool  # whether less than the limit refuses


_LIMITS = {
    "empty": _Limit("empty", "the share of empty captions is", False),
    "bad_endings": _Limit(
        "bad_endings", "the share of captions that break off is", False
    ),
    "repetition": _Limit("repetition", "the share of repeated word pairs is", False),
    "unknown": _Limit("unknown", "the share of unknown words is", False),
    "distinct": _Limit("distinct_captions", "the share of different captions is", True),
}


class SanityGate(Gate):
    """Refuses captions that no comparison should be needed to refuse."""

    empty: float = Field(0.02, ge=0, le=1)  # largest share of captions without a word
    bad_endings: float = Field(0.2, ge=0, le=1)  # largest share that breaks off
    repetition: float = Field(0.3, ge=0, le=1)  # largest share of repeated bigrams
    unknown: float = Field(0.05, ge=0, le=1)  # largest share of <unk> among words
    distinct: float = Field(0.1, ge=0, le=1)  # smallest share of different captions

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields a finding for each limit, and one for scores that are no numbers."""
        del sampling
        clips = len(evidence.model.captions)
        for name, limit in _LIMITS.items():
            value, bound = evidence.model.value(limit.property), getattr(self, name)
            bad = value < bound if limit.lowest else value > bound
            allowed = "at least" if limit.lowest else "at most"
            yield Finding(
                gate="sanity",
                status="refused" if bad else "passed",
                sentence=f"{limit.said[0].upper()}{limit.said[1:]} {number(value)}; "
                f"{allowed} {number(bound)} is allowed.",
                metric=limit.property,
                value=value,
                bound=bound,
                clips=clips,
            )
        yield _numbers(evidence)


def _numbers(evidence: Evidence) -> Finding:
    scores = evidence.model.statistics.corpus()
    wrong = [name for name, value in scores.items() if not math.isfinite(value)]
    clips = [c for c, value in evidence.log_probs.items() if math.isnan(value)]
    if wrong:
        said = f"{', '.join(wrong)} of its captions is not a number."
    elif clips:
        said = (
            f"the probability of {len(clips)} captions is not a number, that of "
            f"{clips[0]} first."
        )
    else:
        said = "all scores and probabilities are numbers."
    return Finding(
        gate="sanity",
        status="refused" if wrong or clips else "passed",
        sentence=said[0].upper() + said[1:],
        metric="nan",
        value=float(len(wrong) + len(clips)),
        bound=0.0,
        clips=len(evidence.model.captions),
    )


class ControlsGate(MetricGate):
    """Refuses a model that is not surely better than captions which see no clip."""

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields a comparison with each control."""
        for control in evidence.controls:
            for found in compare(evidence.model, control, [self.metric], sampling):
                low, high = found.interval
                ahead = found.significant_gain
                yield Finding(
                    gate="controls",
                    status="passed" if ahead else "refused",
                    sentence=f"{self.metric} {number(found.ours)} is "
                    f"{'' if ahead else 'not '}surely above the {number(found.theirs)} "
                    f"of {control.name} {interval(low, high, sampling.confidence)}.",
                    metric=self.metric,
                    value=found.ours,
                    reference=found.theirs,
                    compared_with=control.name,
                    low=low,
                    high=high,
                    clips=found.clips,
                )


class WordsGate(Gate):
    """Refuses a model that uses a word of a list."""

    forbidden: tuple[str, ...]  # words or phrases, in any case

    @validator("forbidden")
    def _some(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not words or not all(word.strip() for word in words):
            raise ValueError("forbidden needs words, and none of them empty")
        return words

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields one finding, with the first clip that a listed word is said of."""
        del sampling
        words = "|".join(re.escape(word.strip().lower()) for word in self.forbidden)
        listed = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
        hits = [
            (clip, hit.group())
            for clip, caption in sorted(evidence.model.captions.items())
            if (hit := listed.search(caption.lower()))
        ]
        said = "No caption has a forbidden word."
        if hits:
            clip, word = hits[0]
            said = (
                f"Captions with a forbidden word: {len(hits)}, as “{word}” of {clip}."
            )
        yield Finding(
            gate="words",
            status="refused" if hits else "passed",
            sentence=said,
            value=float(len(hits)),
            bound=0.0,
            clips=len(evidence.model.captions),
        )
