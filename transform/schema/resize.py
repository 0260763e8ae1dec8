"""Resize modes: how a frame of any proportions becomes a square, or stays as it is."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from transform.common.config import BY_KIND, Config, Field


class _ToSquare(Config):
    """Base class of the modes that end in a square."""

    def canvas(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the final (rows, columns) of a frame, a square of `size`."""
        del height, width
        return size, size


class Stretch(_ToSquare):
    """Stretches the whole frame to a square, whatever its proportions."""

    kind: Literal["squash"] = "squash"

    def check(self, size: int) -> None:
        """Accepts any size without a check."""

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the resized (rows, columns), of which the middle square is kept."""
        del height, width
        return size, size


class CentreCrop(_ToSquare):
    """Resizes to rows × columns, then crops the middle (C3D: 128 × 171, then 112)."""

    kind: Literal["centre_crop"] = "centre_crop"
    rows: int = Field(ge=1)  # of the resized frame, before the crop
    columns: int = Field(ge=1)  # of the resized frame, before the crop

    def check(self, size: int) -> None:
        """Raises `ValueError` if no square of `size` can be cut."""
        if size > min(self.rows, self.columns):
            raise ValueError(
                f"size {size} cannot be cut from {self.rows} rows × {self.columns} "
                "columns"
            )

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the resized (rows, columns), of which the middle square is kept."""
        del height, width, size
        return self.rows, self.columns


class ShortSide(_ToSquare):
    """Scales the short side to `side`, then crops the middle (I3D: 256).

    The long side is rounded to the nearest pixel, halves up.
    """

    kind: Literal["short_side"] = "short_side"
    side: int = Field(ge=1)  # pixels of the shorter side, before the crop

    def check(self, size: int) -> None:
        """Raises `ValueError` if no square of `size` can be cut."""
        if size > self.side:
            raise ValueError(f"size {size} cannot be cut from a side of {self.side}")

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the resized (rows, columns), of which the middle square is kept."""
        del size
        short = min(height, width)
        rows, columns = (
            (2 * self.side * length + short) // (2 * short)
            for length in (height, width)
        )
        return rows, columns


class Letterbox(_ToSquare):
    """Scales the long side to `size`, and pads with black on both sides."""

    kind: Literal["letterbox"] = "letterbox"

    def check(self, size: int) -> None:
        """Accepts any size without a check."""

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the resized (rows, columns), neither larger than `size`."""
        return _long_side(height, width, size)

    def window(self, height: int, width: int, size: int) -> tuple[int, int, int, int]:
        """Returns the frame's place in the square: (y1, x1, y2, x2) in pixels."""
        rows, columns = self.resized(height, width, size)
        top, left = (size - rows) // 2, (size - columns) // 2
        return top, left, top + rows, left + columns


class OwnShape(Config):
    """Leaves a frame as it is, scaled down where its long side exceeds `size`."""

    kind: Literal["own_shape"] = "own_shape"

    def resized(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the resized (rows, columns)."""
        return _long_side(height, width, min(size, max(height, width)))

    def canvas(self, height: int, width: int, size: int) -> tuple[int, int]:
        """Returns the final (rows, columns) of a frame: nothing is cut or added."""
        return self.resized(height, width, size)


def _long_side(height: int, width: int, size: int) -> tuple[int, int]:
    """Returns the (rows, columns) of a frame scaled to a long side of `size`."""
    long = max(height, width)
    rows, columns = (
        max(1, (2 * size * length + long) // (2 * long)) for length in (height, width)
    )
    return rows, columns


Resize = Annotated[
    Union[Stretch, CentreCrop, ShortSide, Letterbox],
    BY_KIND,
]


def seen_part(
    fit: Resize, height: int, width: int, size: int
) -> tuple[float, float, float, float]:
    """Returns the part of a frame that the fitted square shows.

    Args:
        fit: How the frame becomes a square.
        height: Of the frame.
        width: Of the frame.
        size: Pixels of a side of the square.

    Returns:
        (y1, x1, y2, x2), the square's edges as shares of the frame: beyond 0 and 1
        where the square has black beside it.
    """
    rows, columns = fit.resized(height, width, size)
    top, left = (int((length - size) / 2) for length in (rows, columns))
    return top / rows, left / columns, (top + size) / rows, (left + size) / columns
