"""Initializers that papers name: dualAFR's uniform distribution."""

from __future__ import annotations

from typing import Any

# Pu et al. (2018), appendix: weights that are not recurrent begin in U(−0.01, 0.01).
# As settings and not as an object, so that every layer makes an initialiser of its own.
SMALL_UNIFORM: dict[str, Any] = {
    "class_name": "RandomUniform",
    "config": {"minval": -0.01, "maxval": 0.01},
}
