"""`Verdict`: what all gates together say of a model, in data and in one sentence."""

from __future__ import annotations

from typing import Literal, Optional

from transform.common.config import Config, Field

Status = Literal["passed", "told", "undecided", "refused"]
Outcome = Literal["blessed", "equal", "accepted", "undecided", "refused"]

_WORDS: dict[str, str] = {
    "blessed": "Blessed",
    "equal": "Equal",
    "accepted": "Accepted",
    "undecided": "Undecided",
    "refused": "Refused",
}


class Finding(Config):
    """What one gate says of one figure."""

    gate: str  # its field in `gates:` of the configuration
    status: Status  # "told" refuses nothing
    sentence: str
    metric: str = ""
    slice: str = ""  # "" is everything
    value: Optional[float] = None  # of the model
    bound: Optional[float] = None  # what is allowed
    reference: Optional[float] = None  # of what it is held against
    compared_with: str = ""  # what that is
    low: Optional[float] = None  # the difference's interval
    high: Optional[float] = None
    clips: int = 0

    @property
    def refuses(self) -> bool:
        """Whether a model with this finding is not pushed."""
        return self.status in ("undecided", "refused")


class Verdict(Config):
    """The one verdict on a model; `sentence` says all of it that a person needs."""

    schema_version: int = 1
    outcome: Outcome
    sentence: str
    servable: bool  # nothing but a person's word can push a model that is not
    accepted: str = ""  # the reason of the person who pushes it all the same
    first: bool = False  # nothing is served yet that it could be compared with
    baseline_version: str = ""
    baseline_note: str = ""  # which model it was compared with, and why
    clips: int  # that the scores are of
    clips_wanted: int  # that the annotations have
    scores: dict[str, float]  # on all clips, fractions
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    controls: dict[str, dict[str, float]] = Field(default_factory=dict)
    # of the baseline, on the test clips that it has captioned, too
    baseline_scores: dict[str, float] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    # Where the verdict belongs; filled in by whoever keeps it.
    time: str = ""  # UTC, ISO 8601
    model: str = ""  # what was trained: the variant's name
    data_digest: str = ""
    config_digest: str = ""
    weights_digest: str = ""
    spec_hash: str = ""

    @property
    def pushes(self) -> bool:
        """Whether the model becomes a new version."""
        return self.outcome in ("blessed", "accepted")

    @property
    def refuses(self) -> bool:
        """Whether the model was found wanting, rather than equal or good."""
        return self.outcome in ("undecided", "refused")


def sentence(outcome: Outcome, parts: list[str]) -> str:
    """Joins what is said into the text that everybody is shown."""
    return f"{_WORDS[outcome]}: {' '.join(parts)}"


def number(value: float, signed: bool = False) -> str:
    """Writes a figure as messages have it: two digits, a true minus sign."""
    digits = 2 if abs(value) >= 0.01 or value == 0 else 4
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if not float(text):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(low: float, high: float, confidence: float) -> str:
    """Writes an interval: "(95 %: −0.71 … −0.34)"."""
    return f"({100 * confidence:g} %: {number(low)} … {number(high)})"
