"""`Precision`: the numbers that a frozen network computes with."""

from __future__ import annotations

from typing import Literal

# bfloat16 has float32's range with 8 significant bits. It takes less time where the
# processor multiplies such numbers: AVX512-BF16, AMX, GPUs.
Precision = Literal["float32", "bfloat16"]
