"""`DriftConfig`: how unlike the training clips new clips may be."""

from __future__ import annotations

from transform.common.config import Config, Field


class DriftConfig(Config):
    """The distances beyond which new clips count as drifted.

    New clips are those that the served model's run did not have, by content and
    captions; they are compared with its training clips. A distance counts only if
    chance, as many clips drawn from both, hardly ever gives as much (1 %, over all
    columns).
    """

    # of numbers: Jensen-Shannon divergence of the histograms, 0 to 1
    numbers: float = Field(0.2, ge=0, le=1)
    # of categories: the largest difference of a value's shares
    categories: float = Field(0.3, ge=0, le=1)
    # share of the new captions' words that the served model does not know
    unknown_words: float = Field(0.1, ge=0, le=1)
    # fewer new clips are not compared
    min_clips: int = Field(20, ge=2)
