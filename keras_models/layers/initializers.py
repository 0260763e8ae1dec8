"""Initializers that papers name: dualAFR's uniform distribution."""

from __future__ import annotations

from typing import Any

# Pu et al. (2018), appendix: weights that are not recurrent begin in U(−r, r).
INITIAL_RANGE = 0.01


def first_weights(initial_range: float | None) -> str | dict[str, Any]:
    """Returns an initialiser that draws from U(−r, r), or Glorot's without r.

    It is a name or settings and no object, so that every layer makes one of its own.
    """
    if initial_range is None:
        return "glorot_uniform"
    config = {"minval": -initial_range, "maxval": initial_range}
    return {"class_name": "RandomUniform", "config": config}
