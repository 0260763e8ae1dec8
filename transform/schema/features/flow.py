"""`Flow`: stacked optical flow around each key frame."""

from __future__ import annotations

from typing import Literal

from transform.common.config import Config, ConfigError, Field
from transform.schema.encodings import (
    MAX_IMAGE_ROWS,
    FeatureLayout,
    ImageEncoding,
    Jpeg,
)
from transform.schema.features.flow_algorithms import Dis, FlowAlgorithm
from transform.schema.frame_placement import FrameSampling


class Flow(Config):
    """Stacked optical flow around each key frame (MGSA Sec. 3.1).

    A record holds (N, size, size, 2M) planes x_1, y_1, …, x_M, y_M, M = window − 1.
    Displacements are measured in pixels of the resized frame, clipped to ±`clip` and
    quantised to 128 + round(127 · f / clip), so that no motion is exactly 128. Parsed,
    they are float32 in [−1, 1].
    """

    kind: Literal["flow"] = "flow"
    name: str = "flow"  # what records and models call it
    size: int = Field(224, ge=8, multiple_of=8)  # pixels of a side of the stored planes
    clip: float = Field(20.0, gt=0)  # MGSA Sec. 4.2
    algorithm: FlowAlgorithm = Dis()  # of the optical flow
    encoding: ImageEncoding = Jpeg()  # how planes are stored

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
