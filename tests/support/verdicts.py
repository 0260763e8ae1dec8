"""Verdicts as a judge would have written them."""

from serving.gates.verdict import Verdict

BLESSED = Verdict(
    outcome="blessed",
    sentence="Blessed: CIDEr-D 2.06 is 0.21 above version 7's 1.85.",
    servable=True,
    clips=60,
    clips_wanted=60,
    scores={"CIDEr-D": 2.06},
)
