"""`Imported`: features that were computed by another program."""

from __future__ import annotations

from typing import ClassVar, Literal, Union

from transform.common.config import Config, Field
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.features.feature_files import H5File, NpyFiles, NpzFiles
from transform.schema.frame_placement import FrameSampling


class Imported(Config):
    """Features computed by another program, read from files: (steps, *shape).

    `origin` says in words how they were made; it is part of the hash. `files` says
    where they lie and is not.
    """

    kind: Literal["imported"] = "imported"
    name: str  # what records and models call it
    shape: tuple[int, ...]  # of one step: (D,), (rows, columns, D) or (regions, D)
    max_steps: int = Field(ge=1)  # the most time steps that are stored
    origin: str = ""  # what made the features, in words; part of the hash
    # where the arrays lie
    files: Union[NpyFiles, NpzFiles, H5File, None] = Field(None, discriminator="kind")

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"files"})

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        del sampling
        return FeatureLayout(self.name, self.max_steps, self.shape, Raw())
