"""`Extractor`: the one place that turns a clip into the features of a specification."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from transform import audio, backbones, optical_flow, video_io
from transform.config import ConfigError
from transform.schema import FeatureSpec, Flow, FrameGrid, Imported, LogMel
from transform.video_io import ClipFrames, VideoInfo


class Extraction(NamedTuple):
    """A clip's features by name, as `transform.records.VideoExample` holds them."""

    info: VideoInfo
    features: dict[str, np.ndarray]  # N or fewer steps first; without sound, no log-mel
    key_seconds: np.ndarray  # (N,) float64


class Extractor:
    """Turns clips into the features of one specification.

    The Beam job and the captioning client use the same code, so that a served model
    sees what it was trained on.

    Args:
        spec: The features. A network's weights are checked against `weights_sha256`
            where the specification has it.

    Raises:
        ConfigError: The specification names a network or layer that there is not, or
            features that are not made from the clip.
        WeightsError: A network's weights are not to be had.
    """

    def __init__(self, spec: FeatureSpec):
        for feature in spec.features:
            if isinstance(feature, Imported):
                raise ConfigError(
                    f"feature {feature.name} is imported from files "
                    f"({feature.origin or 'of unknown origin'}) and cannot be "
                    "extracted from a clip."
                )
        self.spec = spec
        self._grids = [f for f in spec.features if isinstance(f, FrameGrid)]
        self._flows = [f for f in spec.features if isinstance(f, Flow)]
        self._sounds = [f for f in spec.features if isinstance(f, LogMel)]
        self._backbones = {grid.name: backbones.load(grid) for grid in self._grids}

    def extract(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
    ) -> Extraction:
        """The features of a local file, or of the seconds from `start` to `end` of it.

        Raises:
            transform.video_io.DecodeError: Nothing of the clip can be decoded.
        """
        key_sizes = {grid.size for grid in self._grids}
        window_sizes = sorted({flow.size for flow in self._flows})
        first = window_sizes[0] if window_sizes else None
        clip = self._read(path, key_sizes, first, start, end)
        clips = {first: clip} | {
            size: self._read(path, (), size, start, end) for size in window_sizes[1:]
        }
        features: dict[str, np.ndarray] = {}
        for grid in self._grids:
            frames = clip.key_frames[grid.size]  # (N, size, size, 3)
            features[grid.name] = _half(grid.name, self._backbones[grid.name](frames))
        for flow in self._flows:
            windows = clips[flow.size]
            features[flow.name] = optical_flow.flow_stack(
                windows.window_frames, windows.window_index, flow
            )
        info = clip.info
        if self._sounds and info.audio:
            info = self._add_sounds(features, info, path, start, end)
        return Extraction(info, features, clip.key_seconds)

    def _read(
        self,
        path: str | os.PathLike[str],
        key_sizes: set[int] | tuple[()],
        window_size: int | None,
        start: float | None,
        end: float | None,
    ) -> ClipFrames:
        return video_io.read_frames(
            path, self.spec.sampling, key_sizes, window_size, start, end
        )

    def _add_sounds(
        self,
        features: dict[str, np.ndarray],
        info: VideoInfo,
        path: str | os.PathLike[str],
        start: float | None,
        end: float | None,
    ) -> VideoInfo:
        """Adds what the sound track gives; a clip without is still a clip."""
        try:
            samples = video_io.read_audio(path, start=start, end=end)  # (samples,)
        except video_io.DecodeError as error:
            remarks = [info.reason, f"sound left out: {error.reason}"]
            return info._replace(reason="; ".join(filter(None, remarks)))
        for sound in self._sounds:
            patches = audio.log_mel(samples, sound)  # (P, 96, bands)
            if len(patches):
                features[sound.name] = _half(sound.name, patches)
        return info


def _half(name: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        raise ValueError(f"feature {name} has values beyond float16's range")
    return halves
