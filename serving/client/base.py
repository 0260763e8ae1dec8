"""`ClipCaptioner`: the interface of an exported model, local or served."""

from __future__ import annotations

import abc
import os
from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from keras_models.weight_axes import NamedAxes
from serving.client import caption_result
from serving.client.caption_result import CaptionResult
from serving.client.clip_features import extractor_of, record_of_extraction
from serving.client.clip_parts import DecodedPart
from serving.common import signature_names
from serving.common.errors import RefusedError
from transform.extractors.clip_extractor import Extraction
from transform.records import example_codec
from transform.schema import SPEC_HASH, FeatureSpec, SpecMismatchError
from transform.video.frame_requests import FrameRequest

ROWS_PER_CALL = 8


class ClipCaptioner(abc.ABC):
    """Captions records and clips with an exported model."""

    @property
    @abc.abstractmethod
    def spec(self) -> FeatureSpec:
        """The specification of the model's features."""

    @property
    @abc.abstractmethod
    def weight_axes(self) -> NamedAxes:
        """What each of a `CaptionResult`'s attention weights is about, by name.

        Weights that are not here are about nothing that could be drawn.
        """

    @abc.abstractmethod
    def refresh(self) -> None:
        """Looks for a newer version of the model; updates `spec` and `weight_axes`."""

    @abc.abstractmethod
    def _signatures(self) -> Collection[str]:
        """Returns the names of the model's signatures."""

    @abc.abstractmethod
    def _call(self, signature: str, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Calls a signature with records; `RefusedError` if it refuses them."""

    def caption_examples(self, examples: Sequence[bytes]) -> list[CaptionResult]:
        """Captions serialized records, as `example_codec.to_example` writes them.

        Raises:
            SpecMismatchError: The records have another specification than the model.
            serving.common.errors.ServingError: The model does not respond, or refuses
                them.
        """
        return self._captioned(signature_names.CAPTION_EXAMPLES_SIGNATURE, examples)

    def caption_first_pass(
        self, examples: Sequence[bytes]
    ) -> list[CaptionResult] | None:
        """Captions records after the first of a model's two passes alone.

        Beside `caption_examples`, that tells what VRE's key frame changed.

        Returns:
            As `caption_examples`; None if the model reads clips once.

        Raises:
            SpecMismatchError: The records have another specification than the model.
            serving.common.errors.ServingError: The model does not respond, or refuses
                them.
        """
        signature = signature_names.CAPTION_FIRST_PASS_SIGNATURE
        if signature not in self._signatures():
            return None
        return self._captioned(signature, examples)

    def _captioned(
        self, signature: str, examples: Sequence[bytes]
    ) -> list[CaptionResult]:
        results = []
        for start in range(0, len(examples), ROWS_PER_CALL):
            rows = examples[start : start + ROWS_PER_CALL]
            spec = self.spec
            try:
                outputs = self._call(signature, rows)
            except RefusedError:
                self.refresh()
                caption_result.check_same_model(self.spec, spec)
                _check_records(rows, spec)
                raise
            results.extend(caption_result.from_outputs(outputs, spec.content_hash))
        return results

    def caption_file(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        category: str = "",
    ) -> CaptionResult:
        """Captions a video file, or the seconds from `start` to `end` of it.

        Args:
            path: The file.
            start: Start of the clip in seconds; None for the beginning of the file.
            end: End of the clip in seconds; None for the end of the file.
            category: The clip's category, for models that read it; without it they
                use the other features.

        Raises:
            transform.video.video_info.DecodeError: The clip cannot be read.
            UnknownCategoryError: The model does not know the
                category.
            serving.common.errors.ServingError: The model does not respond.
        """
        try:
            return self._caption_clip(path, start, end, category)
        except SpecMismatchError:  # a new model came in; `spec` is now its own
            return self._caption_clip(path, start, end, category)

    def extract(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        keep: Collection[FrameRequest] = (),
        decoded: DecodedPart | None = None,
    ) -> Extraction:
        """Extracts a clip's features exactly as those of the training records.

        Args:
            path: The file.
            start: Where the clip begins in it, in seconds; None for its beginning.
            end: Where it ends; None for the file's end.
            keep: Frames to return beside the features, from the same decoding.
            decoded: The clip's frames, if they were decoded already.
        """
        spec = self.spec
        frames = decoded.frames if decoded and decoded.spec == spec else None
        return extractor_of(spec).extract(os.fspath(path), start, end, keep, frames)

    def to_record(self, extraction: Extraction, category: str = "") -> bytes:
        """Serializes a clip's extracted features as a record without captions.

        Args:
            extraction: The result of `extract`.
            category: The clip's category, as of `caption_file`.
        """
        return record_of_extraction(self.spec, extraction, category)

    def caption_extraction(
        self, extraction: Extraction, category: str = ""
    ) -> CaptionResult:
        """Captions a clip from its extracted features.

        Args:
            extraction: The result of `extract`.
            category: The clip's category, as of `caption_file`.
        """
        return self.caption_examples([self.to_record(extraction, category)])[0]

    def _caption_clip(
        self,
        path: str | os.PathLike[str],
        start: float | None,
        end: float | None,
        category: str,
    ) -> CaptionResult:
        return self.caption_extraction(self.extract(path, start, end), category)


def _check_records(examples: Sequence[bytes], spec: FeatureSpec) -> None:
    for row, data in enumerate(examples):
        try:
            record = tf.train.Example.FromString(data)
        except DecodeError:
            continue  # not a record at all: the model's own error is raised
        hashes = record.features.feature[SPEC_HASH].bytes_list.value
        text = hashes[0].decode(errors="replace") if hashes else ""
        example_codec.check_spec_hash(text, spec, f"record {row}")
