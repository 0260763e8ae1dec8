"""Initializers that papers name: dualAFR's uniform distribution."""

from __future__ import annotations

from typing import Any


def uniform(limit: float) -> dict[str, Any]:
    """Returns the settings of an initialiser that draws from U(−limit, limit).

    They are no object, so that every layer makes an initialiser of its own.
    """
    config = {"minval": -limit, "maxval": limit}
    return {"class_name": "RandomUniform", "config": config}


# Pu et al. (2018), appendix: of weights that are not recurrent.
SMALL_UNIFORM = uniform(0.01)
