"""Resize modes: how a frame of any proportions becomes a square."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from transform.common.config import BY_KIND, Config, Field


class Stretch(Config):
    """The whole frame as a square, whatever its proportions."""

    kind: Literal["squash"] = "squash"

    def check(self, size: int) -> None:
        """Any size will do."""

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """(rows, columns) that a frame is resized to; the middle size × size is cut."""
        del height, width
        return size, size


class CentreCrop(Config):
    """Resized to rows × columns, then cut in the middle (C3D: 128 × 171, then 112)."""

    kind: Literal["centre_crop"] = "centre_crop"
    rows: int = Field(ge=1)
    columns: int = Field(ge=1)

    def check(self, size: int) -> None:
        """Raises `ValueError` if no square of `size` can be cut."""
        if size > min(self.rows, self.columns):
            raise ValueError(
                f"size {size} cannot be cut from {self.rows} rows × {self.columns} "
                "columns"
            )

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """(rows, columns) that a frame is resized to; the middle size × size is cut."""
        del height, width, size
        return self.rows, self.columns


class ShortSide(Config):
    """Scaled so that the short side is `side`, then cut in the middle (I3D: 256).

    The long side is rounded to the nearest pixel, halves up.
    """

    kind: Literal["short_side"] = "short_side"
    side: int = Field(ge=1)

    def check(self, size: int) -> None:
        """Raises `ValueError` if no square of `size` can be cut."""
        if size > self.side:
            raise ValueError(f"size {size} cannot be cut from a side of {self.side}")

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """(rows, columns) that a frame is resized to; the middle size × size is cut."""
        del size
        short = min(height, width)
        rows, columns = (
            (2 * self.side * length + short) // (2 * short)
            for length in (height, width)
        )
        return rows, columns


class Letterbox(Config):
    """Scaled so that the long side is `size`, in the middle of black."""

    kind: Literal["letterbox"] = "letterbox"

    def check(self, size: int) -> None:
        """Any size will do."""

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """(rows, columns) that a frame is resized to, none above size."""
        long = max(height, width)
        rows, columns = (
            max(1, (2 * size * length + long) // (2 * long))
            for length in (height, width)
        )
        return rows, columns

    def window(self, height: int, width: int, size: int) -> tuple[int, int, int, int]:
        """Where in the square the frame is: (y1, x1, y2, x2) in pixels."""
        rows, columns = self.resized(height, width, size)
        top, left = (size - rows) // 2, (size - columns) // 2
        return top, left, top + rows, left + columns


Resize = Annotated[
    Union[Stretch, CentreCrop, ShortSide, Letterbox],
    BY_KIND,
]
