"""Gates on the clips that a model is judged by: enough of them, and none trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from serving.gates.evidence import Evidence, Sampling
from serving.gates.gate import Gate
from serving.gates.verdict import Finding
from transform.common.config import Field


class CoverageGate(Gate):
    """Refuses scores of too few of the test clips."""

    share: float = Field(0.9, ge=0, le=1)  # smallest share of the annotated test clips
    # smallest share of the number of clips that the baseline was judged by
    baseline_share: float = Field(1.0, ge=0, le=1)

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields how many test clips there are, of those wanted and of those before."""
        del sampling
        clips, wanted = evidence.clips, evidence.wanted
        few = clips < self.share * wanted
        yield Finding(
            gate="coverage",
            status="refused" if few else "passed",
            sentence=f"{clips:,} of {wanted:,} test clips are scored; "
            f"{self.share:.0%} is asked for.",
            value=clips / wanted if wanted else 1.0,
            bound=self.share,
            clips=clips,
        )
        before = evidence.baseline_clips
        if before:
            fewer = clips < self.baseline_share * before
            yield Finding(
                gate="coverage",
                status="refused" if fewer else "passed",
                sentence=f"{clips:,} test clips are scored, {before:,} were when the "
                f"baseline was judged; {self.baseline_share:.0%} of those is asked "
                "for.",
                value=clips / before,
                bound=self.baseline_share,
                clips=clips,
            )


class LeakGate(Gate):
    """Tells, or refuses, where a model was trained on clips that it is tested by."""

    action: Literal["tell", "refuse"] = "tell"  # what follows from a leak

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields a finding for each model whose training is known."""
        del sampling
        for model, clips in evidence.leaks.items():
            said = f"No test clip is in the training of {model}."
            if clips:
                said = (
                    f"{len(clips):,} of the test clips are in the training of {model}, "
                    f"{clips[0]} first."
                )
            bad = "refused" if self.action == "refuse" else "told"
            yield Finding(
                gate="leak",
                status=bad if clips else "passed",
                sentence=said,
                compared_with=model,
                value=float(len(clips)),
                bound=0.0,
                clips=evidence.clips,
            )
