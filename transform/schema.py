"""What a record holds: the feature table, and the hash that says how it was made."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, NamedTuple, Union

import pydantic

from transform.config import Config, ConfigError, first_difference
from transform.errors import KinescribeError

MAX_IMAGE_ROWS = 65_500  # JPEG's own limit is 65,535

# Keys of a record besides its features.
VIDEO_ID = "video_id"
CAPTIONS = "captions"
CATEGORY = "category"
CLIP_LENGTH = "clip_length"
MISSING = "missing"
CLIP_HASH = "clip_hash"
SPEC_HASH = "spec_hash"


class SpecMismatchError(KinescribeError, ValueError):
    """Features made by one specification met a reader that expects another."""


class TensorSpec(NamedTuple):
    """One stored tensor: time first, `max_steps` of it at the most."""

    name: str
    max_steps: int
    step_shape: tuple[int, ...]  # without the time axis
    encoding: "Raw | Jpeg | Png"


# ------------------------------------------------------------------ encodings


class Raw(Config):
    """Little-endian float16 values in C order."""

    kind: Literal["raw"] = "raw"


class Jpeg(Config):
    """8-bit planes as one grey JPEG a clip, stacked from top to bottom."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = pydantic.Field(95, ge=1, le=100)


class Png(Config):
    """8-bit planes as one grey PNG a clip, stacked from top to bottom; lossless."""

    kind: Literal["png"] = "png"
    level: int = pydantic.Field(1, ge=0, le=9)


ImageEncoding = Annotated[Union[Jpeg, Png], pydantic.Field(discriminator="kind")]

# ------------------------------------------------------------------- sampling


class Sampling(Config):
    """Which frames of a clip are looked at.

    `frames` key frames stand at the centres of as many equal segments of the clip;
    around each lie `window` consecutive frames, which optical flow is computed from.
    """

    frames: int = pydantic.Field(20, ge=1)  # MGSA Sec. 4.2: N = 20
    window: int = pydantic.Field(7, ge=1)  # 7 frames give M = 6 flow fields
    resize: Literal["area", "bilinear", "bicubic"] = "bilinear"


# ------------------------------------------------------------------- features


class Dis(Config):
    """Dense Inverse Search (Kroeger et al., 2016), OpenCV's presets."""

    kind: Literal["dis"] = "dis"
    preset: Literal["ultrafast", "fast", "medium", "quality"] = "fast"


class TvL1(Config):
    """Dual TV-L1 (Zach et al., 2007): slow; what I3D's flow network was trained on."""

    kind: Literal["tvl1"] = "tvl1"


class Farneback(Config):
    """Polynomial expansion (Farnebäck, 2003)."""

    kind: Literal["farneback"] = "farneback"


FlowAlgorithm = Annotated[
    Union[Dis, TvL1, Farneback], pydantic.Field(discriminator="kind")
]


class Flow(Config):
    """Stacked optical flow around each key frame (MGSA Sec. 3.1).

    A record holds (N, size, size, 2M) planes x_1, y_1, …, x_M, y_M, M = window − 1.
    Displacements are measured in pixels of the resized frame, clipped to ±`clip` and
    quantised to 128 + round(127 · f / clip), so that no motion is exactly 128. Parsed,
    they are float32 in [−1, 1].
    """

    kind: Literal["flow"] = "flow"
    name: str = "flow"
    size: int = pydantic.Field(224, ge=8, multiple_of=8)
    clip: float = pydantic.Field(20.0, gt=0)  # MGSA Sec. 4.2
    algorithm: FlowAlgorithm = Dis()
    encoding: ImageEncoding = Jpeg()

    def tensor(self, sampling: Sampling) -> TensorSpec:
        """The stored tensor's description."""
        planes = 2 * (sampling.window - 1)
        if sampling.frames * planes * self.size > MAX_IMAGE_ROWS:
            raise ConfigError(
                f"{self.name}: {sampling.frames} frames of {planes} planes of "
                f"{self.size} rows exceed one image's {MAX_IMAGE_ROWS} rows; lower "
                "features.size or sampling.frames."
            )
        shape = (self.size, self.size, planes)
        return TensorSpec(self.name, sampling.frames, shape, self.encoding)


class FrameGrid(Config):
    """A frozen 2-D CNN's feature map of each key frame: (N, rows, columns, width).

    `weights` names where the weights come from and is not part of the hash;
    `weights_sha256` is: `transform.backbones.resolve` fills it in.
    """

    kind: Literal["frame_grid"] = "frame_grid"
    name: str
    network: str
    layer: str
    size: int = pydantic.Field(ge=8)  # the frame is resized to size × size
    grid: tuple[int, int]
    width: int = pydantic.Field(ge=1)
    weights: str = "builtin"
    weights_sha256: str = ""

    unhashed: ClassVar[frozenset[str]] = frozenset({"weights"})

    def tensor(self, sampling: Sampling) -> TensorSpec:
        """The stored tensor's description."""
        return TensorSpec(self.name, sampling.frames, (*self.grid, self.width), Raw())


class LogMel(Config):
    """VGGish's log-mel patches of the sound track: (patches, 96, bands).

    16 kHz mono, 25 ms windows every 10 ms, log(mel + 0.01); a patch is 0.96 s. A clip
    without sound has none: its mask is all False.
    """

    kind: Literal["log_mel"] = "log_mel"
    name: str = "log_mel"
    bands: int = pydantic.Field(64, ge=1)
    max_patches: int = pydantic.Field(20, ge=1)

    def tensor(self, sampling: Sampling) -> TensorSpec:
        """The stored tensor's description."""
        del sampling
        return TensorSpec(self.name, self.max_patches, (96, self.bands), Raw())


class Imported(Config):
    """Features computed elsewhere, brought in from files: (steps, *shape).

    `origin` says in words how they were made; it is part of the hash.
    """

    kind: Literal["imported"] = "imported"
    name: str
    shape: tuple[int, ...]  # of one step: (D,), (rows, columns, D) or (regions, D)
    max_steps: int = pydantic.Field(ge=1)
    origin: str = ""

    def tensor(self, sampling: Sampling) -> TensorSpec:
        """The stored tensor's description."""
        del sampling
        return TensorSpec(self.name, self.max_steps, self.shape, Raw())


Feature = Annotated[
    Union[Flow, FrameGrid, LogMel, Imported], pydantic.Field(discriminator="kind")
]


# -------------------------------------------------------------- specification


class FeatureSpec(Config):
    """Everything that decides a feature's values; its hash travels with the features.

    The hash stands in every record, in the SavedModel and in the served signature;
    trainer, evaluator and server refuse features of another hash (`check_same`).
    """

    version: Literal[1] = 1
    sampling: Sampling = Sampling()
    features: tuple[Feature, ...]

    @pydantic.validator("features")
    def _distinct_and_fitting(cls, features: tuple, values: dict) -> tuple:  # noqa: N805
        names = [feature.name for feature in features]
        if len(set(names)) != len(names):
            raise ValueError(f"feature names must differ; received {names}")
        if "sampling" in values:
            for feature in features:
                feature.tensor(values["sampling"])
        return features

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The stored tensors, in the order of `features`."""
        return tuple(feature.tensor(self.sampling) for feature in self.features)

    def tensor(self, name: str) -> TensorSpec:
        """One stored tensor by name; `KeyError` lists what there is."""
        for tensor in self.tensors():
            if tensor.name == name:
                return tensor
        have = ", ".join(feature.name for feature in self.features)
        raise KeyError(
            f"feature {name!r} is not in specification {self.content_hash} ({have})"
        )

    def hashed(self) -> dict:
        """The part of the specification that decides values, as plain JSON."""
        data = self.to_dict()
        for feature, entry in zip(self.features, data["features"], strict=True):
            for key in getattr(feature, "unhashed", ()):
                entry.pop(key)
        return data

    @property
    def content_hash(self) -> str:
        """Sixteen hex digits."""
        return _HashedSpec(__root__=self.hashed()).digest()

    def bytes_per_clip(self) -> int:
        """Upper bound of a clip's uncompressed features."""
        return sum(
            tensor.max_steps
            * math.prod(tensor.step_shape)
            * (2 if isinstance(tensor.encoding, Raw) else 1)
            for tensor in self.tensors()
        )

    def check_same(self, other: "FeatureSpec", *, ours: str, theirs: str) -> None:
        """Raises `SpecMismatchError` with both hashes and the first differing field.

        `ours` and `theirs` say in words where each specification comes from, as in
        "the model" and "the records in train-00000".
        """
        if self.content_hash == other.content_hash:
            return
        field = first_difference(self.hashed(), other.hashed())
        raise SpecMismatchError(
            f"{ours} expects features of specification {self.content_hash}, but "
            f"{theirs} has {other.content_hash}; they differ in {field}."
        )


class _HashedSpec(Config):
    __root__: dict
