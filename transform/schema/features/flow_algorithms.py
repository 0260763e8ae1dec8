"""The optical-flow algorithms that a feature may name."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from transform.common.config import BY_KIND, Config


class Dis(Config):
    """Dense Inverse Search (Kroeger et al., 2016), OpenCV's presets."""

    kind: Literal["dis"] = "dis"
    # slower ones are more exact
    preset: Literal["ultrafast", "fast", "medium", "quality"] = "fast"


class TvL1(Config):
    """Dual TV-L1 (Zach et al., 2007): slow; what I3D's flow network was trained on."""

    kind: Literal["tvl1"] = "tvl1"


class Farneback(Config):
    """Estimates flow by polynomial expansion (Farnebäck, 2003)."""

    kind: Literal["farneback"] = "farneback"


FlowAlgorithm = Annotated[Union[Dis, TvL1, Farneback], BY_KIND]
