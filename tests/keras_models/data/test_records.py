import collections
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_models.data.records import (
    RecordDataset,
    TrainingBatches,
    draw_captions,
)
from tests.support import corpora
from transform.common.errors import DataError
from transform.records.vocabulary import EOS, Vocabulary
from transform.schema import FrameSampling, SpecMismatchError

FEATURES = ("flow", "tiny")


@pytest.fixture
def corpus(tmp_path: pathlib.Path) -> corpora.Corpus:
    return corpora.write(tmp_path / "train")


def training_clips(corpus: corpora.Corpus, **changes) -> TrainingBatches:
    settings = {"batch_size": 5, "captions_per_clip": 2, "max_words": 6, "seed": 7}
    return TrainingBatches(
        RecordDataset(corpus.files, corpus.spec),
        corpus.vocabulary,
        FEATURES,
        **(settings | changes),
    )


def contents(dataset: tf.data.Dataset) -> list[tuple]:
    return [
        (batch.video.video_id.numpy().tolist(), batch.tokens.numpy().tolist())
        for batch in dataset
    ]


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


def rewritten(corpus: corpora.Corpus, captions: list[bytes]) -> corpora.Corpus:
    """The corpus with these captions of every clip."""
    for file in corpus.files:
        serialized = list(tf.data.TFRecordDataset(file).as_numpy_iterator())
        with tf.io.TFRecordWriter(file) as writer:
            for record in serialized:
                example = tf.train.Example.FromString(record)
                example.features.feature["captions"].bytes_list.value[:] = captions
                writer.write(example.SerializeToString())
    return corpus


def test_clips_without_references_are_one_sentence(corpus):
    with pytest.raises(DataError, match=r"^no clip of .* has a caption\.$"):
        training_clips(rewritten(corpus, []))


def test_an_empty_caption_is_one_sentence_with_the_clips_name(corpus):
    with pytest.raises(
        DataError, match=r"records-00000-of-00003: clip clip0 has an empty caption; le"
    ):
        training_clips(rewritten(corpus, [b"a ball", b" "]))


def test_a_vocabulary_of_other_captions_is_one_sentence(corpus):
    other = corpus._replace(vocabulary=Vocabulary(["ball", "cat", "purrs"]))
    with pytest.raises(
        DataError,
        match=r"^the vocabulary does not match the records: it knows \d+% of the words "
        r"of the captions in .*, and not \w+, \w+, \w+; name the one",
    ):
        training_clips(other)


def test_a_vocabulary_without_the_rare_words_is_fine(corpus):
    words = set(corpus.vocabulary.words[4:]) - {"red", "spins"}
    training_clips(corpus._replace(vocabulary=Vocabulary(sorted(words))))


def test_every_clip_comes_once_an_epoch_where_batches_come_out_even(corpus):
    clips = training_clips(corpus, batch_size=6)
    seen = [name for names, _ in contents(clips.epoch(0)) for name in names]
    assert clips.steps_per_epoch == 4
    assert sorted(seen) == sorted(name.encode() for name in corpus.references)


def test_batches_hold_stored_dtypes_and_captions_of_their_own_clip(corpus):
    batch = next(iter(training_clips(corpus).epoch(0)))
    assert batch.video.features["flow"].dtype == tf.uint8
    assert batch.video.features["tiny"].dtype == tf.float16
    assert batch.video.features["flow"].shape == (5, 3, 16, 16, 2)
    assert batch.tokens.shape == (5, 2, 7)
    texts = corpus.vocabulary.decode(batch.tokens).numpy()
    for name, captions in zip(batch.video.video_id.numpy(), texts, strict=True):
        told = {caption.decode() for caption in captions}
        assert len(told) == 2
        assert told <= set(corpus.references[name.decode()])


def test_epochs_repeat_exactly_and_differ_from_each_other(corpus):
    first, again = training_clips(corpus), training_clips(corpus)
    epochs = [contents(first.epoch(epoch)) for epoch in range(3)]
    assert epochs == [contents(again.epoch(epoch)) for epoch in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert contents(training_clips(corpus, seed=8).epoch(0)) != epochs[0]


def memory_sizes(corpus: corpora.Corpus) -> dict[str, int]:
    source = RecordDataset(corpus.files, corpus.spec)
    assert source.stored_bytes < source.decoded_bytes()
    return {
        "none": 0,
        "as stored": source.stored_bytes,
        "decoded": source.decoded_bytes(),
    }


@pytest.mark.parametrize("memory", ["none", "as stored", "decoded"])
def test_an_epoch_can_start_at_any_step(corpus, memory):
    memory_bytes = memory_sizes(corpus)[memory]
    clips = training_clips(corpus, memory_bytes=memory_bytes)
    whole = contents(clips.epoch(3))
    for step in range(len(whole)):
        later = training_clips(corpus, memory_bytes=memory_bytes)
        assert contents(later.epoch(3, step)) == whole[step:]


def test_what_fits_into_memory_does_not_change_the_batches(corpus):
    sizes = memory_sizes(corpus)
    decoded = training_clips(corpus, memory_bytes=sizes["decoded"])
    stored = training_clips(corpus, memory_bytes=sizes["as stored"])
    for ours, theirs in zip(decoded.epoch(1), stored.epoch(1), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_captions_change_between_epochs(corpus):
    clips = training_clips(corpus, captions_per_clip=1)
    drawn = collections.defaultdict(set)
    for epoch in range(20):
        for names, tokens in contents(clips.epoch(epoch)):
            for name, captions in zip(names, tokens, strict=True):
                drawn[name].add(tuple(captions[0]))
    assert all(len(captions) == 3 for captions in drawn.values())


def test_a_clip_with_few_captions_gives_all_of_them_and_then_the_same_again():
    captions = tf.ragged.constant([["a", "b"], ["c", "d", "e", "f", "g"]])
    drawn = draw_captions(captions, 4, tf.constant([1, 2], tf.int64)).numpy()
    assert sorted(drawn[0].tolist()) == [b"a", b"a", b"b", b"b"]
    assert len(set(drawn[1].tolist())) == 4


def test_captions_are_drawn_evenly():
    captions = tf.ragged.constant([["a", "b", "c"]])
    counts = collections.Counter(
        draw_captions(captions, 1, tf.constant([seed, 0]))[0, 0].numpy()
        for seed in range(600)
    )
    # The mean is 200 and the standard deviation 11.5.
    assert all(150 < counts[name] < 250 for name in (b"a", b"b", b"c"))


def test_clips_without_captions_are_left_out(tmp_path):
    corpus = corpora.write(tmp_path / "train", clips=6)
    silent = tmp_path / "train" / "silent"
    with tf.io.TFRecordWriter(str(silent)) as writer:
        for record in RecordDataset(corpus.files[:1], corpus.spec).serialized():
            example = tf.train.Example.FromString(record)
            example.features.feature["captions"].bytes_list.value[:] = []
            writer.write(example.SerializeToString())
    corpus = corpus._replace(files=[*corpus.files, str(silent)])
    clips = training_clips(corpus, batch_size=2)
    assert clips.steps_per_epoch == 3
    for _, tokens in contents(clips.epoch(0)):
        assert np.all(np.any(np.equal(tokens, EOS), axis=-1))
    with pytest.raises(DataError, match=r"no clip .* has a caption"):
        training_clips(corpus._replace(files=[str(silent)]))


def test_videos_come_in_the_files_order_and_can_be_limited(corpus):
    source = RecordDataset(corpus.files, corpus.spec)
    names = [clip.video_id.encode() for clip in source.clips]
    batches = list(source.videos(10, ["tiny"]))
    assert [n for batch in batches for n in batch.video_id.numpy()] == names
    assert set(batches[0].features) == {"tiny"}
    assert sum(len(b.video_id) for b in source.videos(10, ["tiny"], clips=12)) == 12
