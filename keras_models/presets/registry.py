"""The table of all presets: every model that can be trained by its name."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.presets import dual_afr, mgsa, stats, vatex, vre
from keras_models.presets.preset import LateFusionPreset, Preset, RunSettings
from transform.common.errors import KinescribeError

__all__ = ["FUSIONS", "PRESETS", "LateFusionPreset", "Preset", "RunSettings", "get"]

PRESETS: Mapping[str, Preset] = {
    **mgsa.PRESETS,
    **stats.PRESETS,
    **vre.PRESETS,
    **vatex.PRESETS,
    **dual_afr.PRESETS,
}

# Late fusions of several presets' models, each of which is trained on its own.
FUSIONS: Mapping[str, LateFusionPreset] = vatex.FUSIONS


def get(name: str) -> Preset:
    """Returns the preset of that name.

    Raises:
        KinescribeError: There is none; the message lists the names that exist.
    """
    if name in FUSIONS:
        raise KinescribeError(
            f"{name} is trained in parts: {', '.join(FUSIONS[name].model.members)}; "
            "then `kinescribe fuse` makes it of them."
        )
    if name not in PRESETS:
        raise KinescribeError(
            f"there is no model {name!r}; choose one of: {', '.join(PRESETS)}."
        )
    return PRESETS[name]
