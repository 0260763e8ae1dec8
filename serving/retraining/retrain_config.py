"""`RetrainConfig`: when a scheduled run trains a model."""

from __future__ import annotations

import re
from typing import Literal

from serving.retraining.drift_config import DriftConfig
from transform.common.config import Config, Field, validator


class RetrainConfig(Config):
    """The conditions under which a scheduled run trains a model, or stops.

    A clip is new if its id is, or if its file, its captions or its split changed. What
    stops a run stops it before anything is extracted.
    """

    min_new_clips: int = Field(1, ge=0)  # fewer new clips are not worth a run
    min_new_share: float = Field(0.0, ge=0, le=1)  # likewise, of all clips
    max_age: str = "30d"  # of the served model; then it is trained anew in any case
    # share of the served model's clips that may be gone; more stops the run
    max_removed_share: float = Field(0.1, ge=0, le=1)
    # whether changed, moved or missing test clips stop a run
    frozen_test: bool = True
    # what a clip in both the test and another split does
    on_leak: Literal["stop", "tell"] = "stop"
    # what drifted clips do: they are said, or stop the run before training
    on_drift: Literal["tell", "stop"] = "tell"
    drift: DriftConfig = DriftConfig()  # from when on clips count as drifted
    # start from the served model's weights: where they fit, even after other settings
    # changed, or never
    warm_start: Literal["auto", "always", "never"] = "auto"
    fresh_every: int = Field(5, ge=1)  # models until one starts from fresh weights

    @validator("max_age")
    def _days(cls, value: str) -> str:
        if not re.fullmatch(r"\d+d", value):
            raise ValueError("a number of days is expected, as in 30d")
        return value

    @property
    def max_age_seconds(self) -> int:
        """The longest that a model is served without a successor, in seconds."""
        return int(self.max_age[:-1]) * 86400
