"""`Extractor`: turns a clip into the features of a specification."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from transform import extractors
from transform.backbones.batching import ClipBatcher
from transform.extractors.feature_extractor import to_float16
from transform.schema import FeatureSpec
from transform.video import reader
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest
from transform.video.reader import ClipFrames
from transform.video.video_info import VideoInfo


class Extraction(NamedTuple):
    """A clip's features by name, as `VideoExample` holds them."""

    info: VideoInfo
    features: dict[str, np.ndarray]  # steps first; what the clip lacks is left out
    # Of features of regions: (N, R, 4) edges y1, x1, y2, x2 as shares of the frame.
    boxes: dict[str, np.ndarray]
    frames: ClipFrames  # those that were asked for besides


class Extractor:
    """Turns clips into the features of one specification.

    The Beam job and the captioning client use the same code, so that a served model
    sees what it was trained on. Features that are taken of one network, on the same
    frames and with the same weights, run it once.

    Args:
        spec: The features. A network's weights are checked against `weights_sha256`
            where the specification has it.
        batcher: Where clips that threads extract at the same time share the networks'
            batches; each is run alone without.

    Raises:
        ConfigError: The specification names a network or layer that there is not,
            features that are not made from the clip, or other rules of decoding.
        WeightsError: A network's weights are not to be had.
    """

    def __init__(self, spec: FeatureSpec, batcher: ClipBatcher | None = None):
        spec.check_decoding()
        self.spec = spec
        self._batcher = batcher
        self._extractors = extractors.build(spec)
        self._requests = tuple(
            dict.fromkeys(
                request
                for extractor in self._extractors.values()
                for request in extractor.frame_requests()
            )
        )

    @property
    def requests(self) -> tuple[FrameRequest, ...]:
        """The frames that the features are made from."""
        return self._requests

    def extract(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        keep: Collection[FrameRequest] = (),
        decoded: ClipFrames | None = None,
    ) -> Extraction:
        """Extracts the features of a local file or a part of it.

        Args:
            path: The file.
            start: Where the clip begins in it, in seconds; None for its beginning.
            end: Where it ends; None for the file's end.
            keep: Frames to return beside the features, from the same decoding.
            decoded: The clip's frames, for all of `requests` and `keep`, if they were
                decoded already, as `one_pass` does.

        Raises:
            transform.video.video_info.DecodeError: Nothing of the clip can be decoded.
        """
        with self._batcher.clip() if self._batcher else contextlib.nullcontext():
            requests = (*self._requests, *keep)
            frames = decoded or reader.read_frames(
                path, self.spec.sampling, requests, start, end
            )
            clip = Clip(path, frames, start, end)
            features: dict[str, np.ndarray] = {}
            for name, extractor in self._extractors.items():
                values = extractor.extract(clip)
                if values is not None:
                    wide = values.dtype == np.float32
                    features[name] = to_float16(name, values) if wide else values
        kept = {request: frames.frame_sets[request] for request in keep}
        return Extraction(
            clip.info, features, clip.boxes, frames._replace(frame_sets=kept)
        )
