"""`ScoredClips`: draws captioned clips from their records and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tensorflow as tf

from keras_models.evaluation.evaluate import ScoredCaption
from serving.client.local_model import LocalModel
from serving.report.page import Look, ScoredClip
from serving.visualization import clip_view, filmstrip
from serving.visualization.clip_view import ClipView
from transform.common.errors import DataError
from transform.records import example_codec, tfrecords
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import ManifestRow
from transform.schema import VIDEO_ID
from transform.video import reader
from transform.video.video_info import DecodeError


class ScoredClips:
    """Draws captioned clips from their records and the files that the manifest names.

    Captions and attention come from the features in the records; the file is decoded
    once, for the frames that are shown.
    """

    def __init__(self, model: LocalModel, records: str):
        self._model = model
        self._records = records
        manifest = ExtractedDataset(records).manifest
        self._rows = {row.video_id: row for row in manifest.rows}

    def drawn(self, clips: Sequence[ScoredCaption]) -> Iterator[ScoredClip]:
        """Yields the clips with their pictures.

        A clip whose file no longer exists is left out.
        """
        spec, axes = self._model.spec, self._model.weight_axes
        request = clip_view.frame_request(spec, axes)
        for clip in clips:
            row = self._rows[clip.video_id]
            example = self._example(row)
            features = example_codec.from_example(example, spec).features
            record = example.SerializeToString()
            (result,) = self._model.caption_examples([record])
            (first_pass,) = self._model.caption_first_pass([record]) or (None,)
            try:
                frames = reader.read_frames(
                    row.uri, spec.sampling, [request], row.start, row.end
                )
                found = clip_view.Clip(row.uri, features, {}, frames)
                view = clip_view.build_view(spec, axes, result, found, first_pass)
            except DecodeError:
                continue
            yield ScoredClip(
                clip.video_id,
                clip.caption,
                clip.score,
                clip.references,
                filmstrip.filmstrip(view),
                looks=tuple(_looks(view)),
            )

    def _example(self, row: ManifestRow) -> tf.train.Example:
        """Reads the record of a clip from the shard that holds it."""
        path = ExtractedDataset(self._records).path_of(row)
        for data in tfrecords.records_of(path).as_numpy_iterator():
            example = tf.train.Example.FromString(data)
            (video_id,) = example.features.feature[VIDEO_ID].bytes_list.value
            if video_id.decode() == row.video_id:
                return example
        raise DataError(f"clip {row.video_id} is not in {path}; extract again.")


def _looks(view: ClipView) -> Iterator[Look]:
    """Yields each word with its frame, by the first attention that has frames."""
    if not view.frames:
        return
    frames = view.frames[0]
    for word, picture, span in zip(
        view.words, frames.pictures, frames.spans, strict=True
    ):
        yield Look(word, picture, (float(span[0]), float(span[1])))
