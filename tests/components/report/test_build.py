import pytest
import tensorflow as tf

from components.report.build import ScoredClips
from keras_models.evaluation.evaluate import ScoredCaption
from serving.client.local_model import LocalModel
from tests.support.served_models import (
    captioner,
    captioning_model,
    clip,
    exported,
    spec,
    vocabulary,
)
from transform.datasets import VideoRecord
from transform.records import example_codec
from transform.records.manifest import Manifest, ManifestRow
from transform.video import reader

__all__ = ["captioner", "captioning_model", "clip", "exported", "spec", "vocabulary"]

SHARD = "Split-test/data_tfrecord-00000-of-00001"


@pytest.fixture
def records(clip, spec, exported, tmp_path):
    """The records folder of one clip, and of one whose file no longer exists."""
    extraction = LocalModel(exported).extract(clip)
    rows = []
    (tmp_path / SHARD).parent.mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / SHARD)) as writer:
        for video_id, path in (("here", clip), ("gone", tmp_path / "gone.mp4")):
            video = example_codec.VideoExample(
                video_id, ("a ball",), extraction.features
            )
            example = example_codec.to_example(video, spec)
            writer.write(example.SerializeToString())
            record = VideoRecord(video_id, str(path), "test", ("a ball",))
            row = ManifestRow.of(record, extraction.info, "0" * 16)
            rows.append(row._replace(shard=SHARD))
    Manifest(rows).write(str(tmp_path))
    return str(tmp_path)


def test_a_shown_clip_is_decoded_once_and_captioned_from_its_record(
    records, exported, clip, monkeypatch
):
    paths = []
    read_frames = reader.read_frames

    def counted(path, *arguments):
        paths.append(path)
        return read_frames(path, *arguments)

    model = LocalModel(exported)
    monkeypatch.setattr(reader, "read_frames", counted)
    monkeypatch.setattr(model, "extract", None)
    scored = [ScoredCaption(name, "a ball", 1.0, ()) for name in ("gone", "here")]
    (drawn,) = ScoredClips(model, records).drawn(scored)
    assert drawn.video_id == "here"
    assert drawn.picture.ndim == 3
    assert paths[-1] == str(clip) and paths.count(str(clip)) == 1
