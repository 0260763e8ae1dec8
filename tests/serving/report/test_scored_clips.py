import pytest
import tensorflow as tf

from keras_models.evaluation.evaluate import ScoredCaption
from serving.client.local_model import LocalModel
from serving.report.scored_clips import ScoredClips
from serving.visualization import clip_view, filmstrip
from transform.datasets import VideoRecord
from transform.records import example_codec
from transform.records.manifest import Manifest, ManifestRow
from transform.video import reader

SHARD = "Split-test/data_tfrecord-00000-of-00001"


@pytest.fixture
def records(clip, exported, tmp_path):
    """The records folder of one clip, and of one whose file no longer exists."""
    return write_records(LocalModel(exported), clip, tmp_path)


def write_records(model, clip, tmp_path):
    extraction = model.extract(clip)
    rows = []
    (tmp_path / SHARD).parent.mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / SHARD)) as writer:
        for video_id, path in (("here", clip), ("gone", tmp_path / "gone.mp4")):
            video = example_codec.VideoExample(
                video_id, ("a ball",), extraction.features, "music"
            )
            example = example_codec.to_example(video, model.spec)
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
        paths.append(str(path))
        return read_frames(path, *arguments)

    model = LocalModel(exported)
    monkeypatch.setattr(reader, "read_frames", counted)
    monkeypatch.setattr(model, "extract", None)
    scored = [ScoredCaption(name, "a ball", 1.0, ()) for name in ("gone", "here")]
    (drawn,) = ScoredClips(model, records).drawn(scored)
    assert drawn.video_id == "here"
    assert drawn.picture.ndim == 3
    assert paths[-1] == str(clip) and paths.count(str(clip)) == 1


def test_the_words_under_a_picture_are_those_of_the_clips_category(
    category_model, clip, tmp_path, monkeypatch
):
    results = []
    build_view = clip_view.build_view

    def kept(spec, axes, result, clip, first_pass):
        results.append(result)
        return build_view(spec, axes, result, clip, first_pass)

    monkeypatch.setattr(clip_view, "build_view", kept)
    records = write_records(category_model, clip, tmp_path)
    scored = [ScoredCaption("here", "a ball", 1.0, ())]
    assert len(list(ScoredClips(category_model, records).drawn(scored))) == 1
    expected = category_model.caption_file(clip, category="music")
    assert results[0].log_probs == expected.log_probs
    assert results[0].log_probs != category_model.caption_file(clip).log_probs


def test_a_picture_has_both_captions_of_a_model_that_reads_clips_twice(
    two_pass_model, clip, tmp_path, monkeypatch
):
    views = []
    draw = filmstrip.filmstrip
    monkeypatch.setattr(
        filmstrip, "filmstrip", lambda view: views.append(view) or draw(view)
    )
    model = LocalModel(two_pass_model)
    records = write_records(model, clip, tmp_path)
    scored = [ScoredCaption("here", "a ball", 1.0, ())]
    assert len(list(ScoredClips(model, records).drawn(scored))) == 1
    (view,) = views
    (first,) = model.caption_first_pass([model.to_record(model.extract(clip))])
    assert view.first_pass == first.caption != " ".join(view.words)
