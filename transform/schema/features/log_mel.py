"""`LogMel`: VGGish's log-mel patches of the sound track."""

from __future__ import annotations

from typing import ClassVar, Literal

from transform.common.config import Config, Field
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class LogMel(Config):
    """VGGish's log-mel patches of the sound track: (patches, 96, bands).

    16 kHz mono, 25 ms windows every 10 ms, log(mel + 0.01); a patch is 0.96 s. A clip
    without sound has none: its mask is all False.
    """

    extractor: ClassVar[str] = "transform.extractors.log_mel:LogMelExtractor"

    kind: Literal["log_mel"] = "log_mel"
    name: str = "log_mel"  # what records and models call it
    bands: int = Field(64, ge=1)  # mel bands of the spectrum
    # the most patches of about a second that are stored
    max_patches: int = Field(20, ge=1)

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        del sampling
        return FeatureLayout(self.name, self.max_patches, (96, self.bands), Raw())
