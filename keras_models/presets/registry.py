"""The literal table of every model that can be trained."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.captioner_config import Variant
from keras_models.ensembling.late_fusion import FusedVariant
from keras_models.presets import dual_afr, mgsa, stats, vatex, vre
from transform.common.errors import KinescribeError

__all__ = ["FUSIONS", "VARIANTS", "FusedVariant", "Variant", "get"]

VARIANTS: Mapping[str, Variant] = {
    **mgsa.ROWS,
    **stats.ROWS,
    **vre.ROWS,
    **vatex.ROWS,
    **dual_afr.ROWS,
}

# Several of them, trained on their own, whose captions compete for each clip.
FUSIONS: Mapping[str, FusedVariant] = vatex.FUSIONS


def get(name: str) -> Variant:
    """A variant by name; `KinescribeError` lists the names there are."""
    if name in FUSIONS:
        raise KinescribeError(
            f"{name} is trained in parts: {', '.join(FUSIONS[name].members)}; then "
            "`kinescribe fuse` makes it of them."
        )
    if name not in VARIANTS:
        raise KinescribeError(
            f"there is no model {name!r}; choose one of: {', '.join(VARIANTS)}."
        )
    return VARIANTS[name]
