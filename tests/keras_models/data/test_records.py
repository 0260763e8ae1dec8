import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_models.data.records import RecordDataset
from tests.support import corpora
from transform.common.errors import DataError
from transform.schema import FrameSampling, SpecMismatchError

FEATURES = ("flow", "tiny")


@pytest.fixture
def corpus(tmp_path: pathlib.Path) -> corpora.Corpus:
    return corpora.write(tmp_path / "train")


def test_references_are_those_of_the_records(corpus):
    assert RecordDataset(corpus.files, corpus.spec).references == corpus.references


def test_patterns_find_the_files(corpus, tmp_path):
    found = RecordDataset([tmp_path / "train" / "records-*"], corpus.spec)
    assert list(found.files) == corpus.files


def test_a_pattern_in_a_folder_with_brackets_finds_the_files(corpus, tmp_path):
    folder = tmp_path / "train [1]"
    (tmp_path / "train").rename(folder)
    records = RecordDataset([folder / "records-*"], corpus.spec)
    assert list(records.files) == sorted(map(str, folder.iterdir()))


def test_records_of_another_specification_are_refused_with_the_files_name(corpus):
    other = corpus.spec.replace(sampling=FrameSampling(frames=4, window=2))
    with pytest.raises(SpecMismatchError, match=r"records-00000-of-00003"):
        RecordDataset(corpus.files, other)


def test_no_records_is_one_sentence(corpus, tmp_path):
    with pytest.raises(DataError, match=r"no records at .*nowhere"):
        RecordDataset([tmp_path / "nowhere*"], corpus.spec)


def test_a_broken_file_is_named(corpus):
    path = pathlib.Path(corpus.files[1])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"records-00001.*after \d+ clips"):
        _ = RecordDataset(corpus.files, corpus.spec).clips
    path.write_bytes(b"this is no TFRecord file")
    with pytest.raises(DataError, match="records-00001"):
        RecordDataset(corpus.files, corpus.spec)


def test_videos_come_in_the_files_order_and_can_be_limited(corpus):
    source = RecordDataset(corpus.files, corpus.spec)
    names = [clip.video_id.encode() for clip in source.clips]
    batches = list(source.videos(10, ["tiny"]))
    assert [n for batch in batches for n in batch.video_id.numpy()] == names
    assert set(batches[0].features) == {"tiny"}
    assert sum(len(b.video_id) for b in source.videos(10, ["tiny"], clips=12)) == 12


@pytest.mark.parametrize("memory", ["none", "as stored", "decoded"])
def test_a_reader_gives_the_clips_at_any_places_as_stored(corpus, memory):
    source = RecordDataset(corpus.files, corpus.spec)
    sizes = {
        "none": 0,
        "as stored": source.stored_bytes,
        "decoded": source.decoded_bytes(),
    }
    assert source.stored_bytes < source.decoded_bytes()
    [every] = source.videos(len(source.clips), FEATURES)
    rows = tf.constant([23, 4, 4, 11], tf.int64)
    read = tf.function(source.clip_reader(FEATURES, sizes[memory]))
    tf.nest.map_structure(
        lambda ours, theirs: np.testing.assert_array_equal(ours, theirs.numpy()[rows]),
        read(rows),
        every,
    )
