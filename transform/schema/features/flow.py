"""`Flow`: stacked optical flow around each key frame."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from transform.common.config import Config, ConfigError, Field, root_validator
from transform.schema.encodings import (
    MAX_IMAGE_ROWS,
    FeatureLayout,
    ImageEncoding,
    Jpeg,
)
from transform.schema.features.flow_algorithms import Dis, FlowAlgorithm
from transform.schema.frame_placement import FrameSampling, KeyFrames
from transform.schema.resize import Resize, Stretch


class Flow(Config):
    """Stacked optical flow around each key frame (MGSA Sec. 3.1, 4.2).

    A record holds (N, size, size, 2M) planes x_1, y_1, …, x_M, y_M, M = window − 1.
    Displacements are measured at the clip's own size, in its pixels, clipped to ±`clip`
    and quantised to 128 + round(127 · f / clip), so that no motion is exactly 128. Then
    the planes are framed as `fit` says and resized to `size`. Parsed, they are float32
    in [−1, 1].

    A clip whose long side exceeds `max_side` is scaled down to it first.
    """

    extractor: ClassVar[str] = "transform.extractors.flow:FlowExtractor"

    kind: Literal["flow"] = "flow"
    name: str = "flow"  # what records and models call it
    # pixels of a side of the stored planes: a grid of 8 × 8 cells times Φ_c's 2⁴
    size: int = Field(128, ge=8, multiple_of=8)
    # the most pixels of the long side of the frames that flow is measured in
    max_side: int = Field(640, ge=16)
    fit: Resize = Stretch()  # how planes become squares: as the image features' frames
    clip: float = Field(20.0, gt=0)  # MGSA Sec. 4.2
    algorithm: FlowAlgorithm = Dis()  # of the optical flow
    encoding: ImageEncoding = Jpeg()  # how planes are stored

    @root_validator(skip_on_failure=True)
    def _fitting(cls, values: dict[str, Any]) -> dict[str, Any]:
        values["fit"].check(values["size"])
        return values

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        planes = 2 * (sampling.window - 1)
        if sampling.frames * planes * self.size > MAX_IMAGE_ROWS:
            raise ConfigError(
                f"{self.name}: {sampling.frames} frames of {planes} planes of "
                f"{self.size} rows exceed one image's {MAX_IMAGE_ROWS} rows; lower "
                "features.size or sampling.frames."
            )
        shape = (self.size, self.size, planes)
        return FeatureLayout(self.name, sampling.frames, shape, self.encoding)

    def step_seconds(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns the part of a clip of each step; see `KeyFrames.step_seconds`."""
        return KeyFrames().step_seconds(edges, sampling)
