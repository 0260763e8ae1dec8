"""How a feature's values are stored in a record."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple, Union

from transform.common.config import BY_KIND, Config, Field

MAX_IMAGE_ROWS = 65_500  # JPEG's own limit is 65,535


class Raw(Config):
    """Little-endian float16 values in C order."""

    kind: Literal["raw"] = "raw"


class Jpeg(Config):
    """8-bit planes as one grey JPEG a clip, stacked from top to bottom."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(95, ge=1, le=100)


class Png(Config):
    """8-bit planes as one grey PNG a clip, stacked from top to bottom; lossless."""

    kind: Literal["png"] = "png"
    level: int = Field(1, ge=0, le=9)


ImageEncoding = Annotated[Union[Jpeg, Png], BY_KIND]


class Label(Config):
    """One of `names` as UTF-8 text; the values are one-hot over them, float16.

    No text, or any other, is no step.
    """

    kind: Literal["label"] = "label"
    names: tuple[str, ...]


class FeatureLayout(NamedTuple):
    """One stored tensor: time first, `max_steps` of it at the most."""

    name: str
    max_steps: int
    step_shape: tuple[int, ...]  # without the time axis
    encoding: Raw | Jpeg | Png | Label

    @property
    def dtype(self) -> Literal["float16", "uint8"]:
        """Of the values, as they are parsed."""
        return "uint8" if isinstance(self.encoding, Jpeg | Png) else "float16"

    @property
    def bytes(self) -> int:
        """Upper bound of a clip's uncompressed values."""
        values = self.max_steps * math.prod(self.step_shape)
        return values * (1 if self.dtype == "uint8" else 2)
