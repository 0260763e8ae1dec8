"""The encodings in which a record stores a feature's values."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple, Union

from transform.common.config import BY_KIND, Config, Field

MAX_IMAGE_ROWS = 65_500  # JPEG's own limit is 65,535


class Raw(Config):
    """Stores values as little-endian float16 in C order."""

    kind: Literal["raw"] = "raw"


class Jpeg(Config):
    """Stores 8-bit planes as one grey JPEG a clip, stacked from top to bottom."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(95, ge=1, le=100)  # 1 to 100


class Png(Config):
    """Stores 8-bit planes as one grey PNG a clip, stacked vertically; lossless."""

    kind: Literal["png"] = "png"
    level: int = Field(1, ge=0, le=9)  # of compression, 0 to 9


ImageEncoding = Annotated[Union[Jpeg, Png], BY_KIND]


class Label(Config):
    """Stores one of `names` as UTF-8 text; the values are one-hot, float16.

    No text, or a text that is none of them, gives no step.
    """

    kind: Literal["label"] = "label"
    names: tuple[str, ...]


class FeatureLayout(NamedTuple):
    """The layout of a stored feature: at most `max_steps` steps, time first."""

    name: str
    max_steps: int
    step_shape: tuple[int, ...]  # without the time axis
    encoding: Raw | Jpeg | Png | Label

    @property
    def dtype(self) -> Literal["float16", "uint8"]:
        """The data type of the values after parsing."""
        return "uint8" if isinstance(self.encoding, Jpeg | Png) else "float16"

    @property
    def bytes(self) -> int:
        """The largest size of a clip's uncompressed values, in bytes."""
        values = self.max_steps * math.prod(self.step_shape)
        return values * (1 if self.dtype == "uint8" else 2)
