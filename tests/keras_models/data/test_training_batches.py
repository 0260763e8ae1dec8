import collections
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_models.data.records import RecordDataset
from keras_models.data.training_batches import ClipBatches, PairBatches, TrainingBatches
from tests.support import corpora
from transform.common.errors import DataError
from transform.records.vocabulary import PAD, Vocabulary

FEATURES = ("flow", "tiny")
PAIRS, CLIPS = PairBatches(size=5), ClipBatches(size=5, captions=2)
BATCHES = pytest.mark.parametrize("batch", [PAIRS, CLIPS], ids=["pairs", "clips"])


@pytest.fixture
def corpus(tmp_path: pathlib.Path) -> corpora.Corpus:
    return corpora.write(tmp_path / "train")


def training_batches(
    corpus: corpora.Corpus, batch: PairBatches | ClipBatches = PAIRS, **changes
) -> TrainingBatches:
    settings = {"max_words": 6, "seed": 7} | changes
    source = RecordDataset(corpus.files, corpus.spec)
    return TrainingBatches(source, corpus.vocabulary, FEATURES, batch, **settings)


def contents(dataset: tf.data.Dataset) -> list[tuple]:
    return [
        (batch.video.video_id.numpy().tolist(), batch.tokens.numpy().tolist())
        for batch in dataset
    ]


def seen(corpus: corpora.Corpus, dataset: tf.data.Dataset) -> collections.Counter:
    """How often each (clip, caption) comes; '' is padding."""
    found: collections.Counter = collections.Counter()
    for batch in dataset:
        texts = corpus.vocabulary.decode(batch.tokens).numpy()
        for name, captions in zip(batch.video.video_id.numpy(), texts, strict=True):
            found.update((name.decode(), caption.decode()) for caption in captions)
    return found


def with_captions(
    corpus: corpora.Corpus, captions: dict[str, tuple[str, ...]]
) -> corpora.Corpus:
    """The corpus, in which these clips have these captions."""
    for file in corpus.files:
        serialized = list(tf.data.TFRecordDataset(file).as_numpy_iterator())
        with tf.io.TFRecordWriter(file) as writer:
            for record in serialized:
                example = tf.train.Example.FromString(record)
                fields = example.features.feature
                name = fields["video_id"].bytes_list.value[0].decode()
                if name in captions:
                    fields["captions"].bytes_list.value[:] = [
                        caption.encode() for caption in captions[name]
                    ]
                writer.write(example.SerializeToString())
    return corpus._replace(references={**corpus.references, **captions})


def uneven(corpus: corpora.Corpus) -> corpora.Corpus:
    """The corpus, in which clip i of 24 has i mod 4 captions of three."""
    return with_captions(
        corpus,
        {
            name: captions[: int(name.removeprefix("clip")) % 4]
            for name, captions in corpus.references.items()
        },
    )


def test_an_epoch_of_pairs_has_every_caption_of_every_clip_once(corpus):
    corpus = uneven(corpus)
    batches = training_batches(corpus, PairBatches(size=4))
    found = seen(corpus, batches.epoch(0))
    pairs = {(name, text) for name, told in corpus.references.items() for text in told}
    assert found == collections.Counter(pairs)
    assert batches.steps_per_epoch == len(pairs) / 4 == 9


def test_a_batch_of_pairs_is_of_single_captions(corpus):
    batch = next(iter(training_batches(corpus, PairBatches(size=7)).epoch(0)))
    assert batch.tokens.shape == (7, 1, 7)
    assert len(batch.video.video_id) == 7


def test_papers_steps_are_those_of_whole_batches_of_pairs(corpus):
    # 72 pairs: what does not fill a batch is another part of them in each epoch.
    batches = training_batches(corpus, PairBatches(size=5))
    assert batches.steps_per_epoch == 14
    left_out = set()
    for epoch in range(4):
        found = seen(corpus, batches.epoch(epoch))
        assert set(found.values()) == {1}
        assert found.total() == 70
        left_out.add(
            frozenset(
                (name, text)
                for name, told in corpus.references.items()
                for text in told
                if (name, text) not in found
            )
        )
    assert len(left_out) == 4


def test_an_epoch_of_clips_has_every_clip_once_with_captions_of_its_own(corpus):
    batches = training_batches(corpus, ClipBatches(size=6, captions=2))
    assert batches.steps_per_epoch == 4
    found = seen(corpus, batches.epoch(0))
    assert set(found.values()) == {1}
    assert collections.Counter(name for name, _ in found) == {
        name: 2 for name in corpus.references
    }
    for name, text in found:
        assert text in corpus.references[name]


def test_a_clip_with_few_captions_gives_all_of_them_and_then_padding(corpus):
    corpus = uneven(corpus)
    batches = training_batches(corpus, ClipBatches(size=6, captions=3))
    assert batches.steps_per_epoch == 3  # of 24 clips, 18 have captions
    found = seen(corpus, batches.epoch(0))
    for name, told in corpus.references.items():
        for text in told:
            assert found.pop((name, text)) == 1
        if told and len(told) < 3:
            assert found.pop((name, "")) == 3 - len(told)
    assert not found
    for batch in batches.epoch(1):
        assert np.all(batch.tokens[:, 0, 0] != PAD)  # the first one is there


def test_no_more_captions_are_drawn_than_any_clip_has(corpus):
    batch = next(
        iter(training_batches(corpus, ClipBatches(size=5, captions=9)).epoch(0))
    )
    assert batch.tokens.shape == (5, 3, 7)


def test_captions_are_drawn_evenly_and_anew_in_each_epoch():
    counts, drawn = np.array([0, 3, 0, 2]), collections.Counter()
    for seed in range(600):
        examples = ClipBatches(captions=1).draw(counts, np.random.default_rng(seed))
        drawn.update(zip(examples.clips, examples.captions[:, 0], strict=True))
    # Of the first clip the mean is 200 with a standard deviation of 11.5.
    assert set(drawn) == {(1, 1), (1, 2), (1, 3), (3, 4), (3, 5)}
    assert all(150 < drawn[1, caption] < 250 for caption in (1, 2, 3))
    assert all(250 < drawn[3, caption] < 350 for caption in (4, 5))


def test_batches_hold_stored_dtypes(corpus):
    batch = next(iter(training_batches(corpus).epoch(0)))
    assert batch.video.features["flow"].dtype == tf.uint8
    assert batch.video.features["tiny"].dtype == tf.float16
    assert batch.video.features["flow"].shape == (5, 3, 16, 16, 2)


@BATCHES
def test_an_epoch_has_no_tuning_thread_that_its_end_would_wait_for(corpus, batch):
    epoch = training_batches(corpus, batch).epoch(0)
    assert epoch.options().autotune.enabled is False


@BATCHES
def test_epochs_repeat_exactly_and_differ_from_each_other(corpus, batch):
    first, again = training_batches(corpus, batch), training_batches(corpus, batch)
    epochs = [contents(first.epoch(epoch)) for epoch in range(3)]
    assert epochs == [contents(again.epoch(epoch)) for epoch in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert contents(training_batches(corpus, batch, seed=8).epoch(0)) != epochs[0]


@BATCHES
def test_an_epoch_can_start_at_any_step(corpus, batch):
    batches = training_batches(corpus, batch)
    whole = contents(batches.epoch(3))
    for step in (0, 1, len(whole) - 1, len(whole)):
        later = training_batches(corpus, batch)
        assert contents(later.epoch(3, step)) == whole[step:]


@BATCHES
def test_what_fits_into_memory_does_not_change_the_batches(corpus, batch):
    source = RecordDataset(corpus.files, corpus.spec)
    sizes = (source.decoded_bytes(), source.stored_bytes, 0)
    batches = [training_batches(corpus, batch, memory_bytes=size) for size in sizes]
    for decoded, *others in zip(*(each.epoch(1) for each in batches), strict=True):
        for other in others:
            tf.nest.map_structure(np.testing.assert_array_equal, decoded, other)


def test_fewer_clips_or_pairs_than_a_batch_are_one_batch(corpus):
    assert training_batches(corpus, PairBatches(size=99)).batch_size == 72
    batches = training_batches(corpus, ClipBatches(size=99))
    assert (batches.batch_size, batches.steps_per_epoch) == (24, 1)


def test_clips_without_references_are_one_sentence(corpus):
    with pytest.raises(DataError, match=r"^no clip of .* has a caption\.$"):
        training_batches(with_captions(corpus, dict.fromkeys(corpus.references, ())))


def test_an_empty_caption_is_one_sentence_with_the_clips_name(corpus):
    with pytest.raises(
        DataError, match=r"records-00000-of-00003: clip clip0 has an empty caption; le"
    ):
        training_batches(with_captions(corpus, {"clip0": ("a ball", " ")}))


def test_a_vocabulary_of_other_captions_is_one_sentence(corpus):
    other = corpus._replace(vocabulary=Vocabulary(["ball", "cat", "purrs"]))
    with pytest.raises(
        DataError,
        match=r"^the vocabulary does not match the records: it knows \d+% of the words "
        r"of the captions in .*, and not \w+, \w+, \w+; name the one",
    ):
        training_batches(other)


def test_a_vocabulary_without_the_rare_words_is_fine(corpus):
    words = set(corpus.vocabulary.words[4:]) - {"red", "spins"}
    training_batches(corpus._replace(vocabulary=Vocabulary(sorted(words))))
