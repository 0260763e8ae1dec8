"""In which precision models compute; their weights are float32 in every one."""

from __future__ import annotations

import platform
from typing import Literal

from transform.common.errors import KinescribeError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
ServedPrecision = Literal[Precision, "int8"]


def require_served(precision: ServedPrecision | None) -> None:
    """Refuses what models cannot be served in from here, before work is lost."""
    if precision == "int8" and platform.machine() not in ("x86_64", "AMD64"):
        raise KinescribeError(
            "int8 needs the products in eight bits that TensorFlow has on x86 only, "
            f"and this is {platform.machine()}; choose float32."
        )
