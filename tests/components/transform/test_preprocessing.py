import collections

import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata

from components.transform import preprocessing
from transform.records import metadata_schema
from transform.records.tokenizers import Characters, Words
from transform.records.vocabulary import SPECIAL, UNK, Vocabulary
from transform.schema import FeatureSpec, Flow

CLIPS = [
    ["A red ball rolls.", "The ball isn't blue, it's RED!", "a ball"],
    ["two Bälle — rollen", "a ball rolls; a ball bounces"],
    [],
    ["een bal, een bal"],
]


def vocabulary_file(folder, min_count, clips=CLIPS, **settings):
    """Runs the analysis as TFX's Transform does, on serialized records' columns."""
    schema = metadata_schema.schema_for(FeatureSpec(features=(Flow(),)))
    captions = [feature for feature in schema.feature if feature.name == "captions"]
    metadata = dataset_metadata.DatasetMetadata(schema_pb2.Schema(feature=captions))
    with tft_beam.Context(temp_dir=str(folder / "temporary")):
        transform_fn = (
            [{"captions": [text.encode() for text in clip]} for clip in clips],
            metadata,
        ) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(
                inputs, {"min_count": min_count, **settings}
            )
        )
        transform_fn | tft_beam.WriteTransformFn(str(folder / "graph"))
    output = tft.TFTransformOutput(str(folder / "graph"))
    return output.vocabulary_file_by_name(preprocessing.VOCABULARY)


@pytest.mark.parametrize("min_count", [1, 3])
def test_vocabulary_holds_the_words_that_training_will_look_up(tmp_path, min_count):
    counts = collections.Counter(
        word.decode()
        for clip in CLIPS
        for caption in clip
        for word in Words().split(tf.constant([caption])).values.numpy()
    )
    words = Vocabulary.from_file(vocabulary_file(tmp_path, min_count))
    assert set(words.words) - set(SPECIAL) == {
        word for word, count in counts.items() if count >= min_count
    }
    frequencies = [counts[word] for word in words.words[len(SPECIAL) :]]
    assert frequencies == sorted(frequencies, reverse=True)


def test_every_word_of_the_training_captions_has_an_id(tmp_path):
    words = Vocabulary.from_file(vocabulary_file(tmp_path, min_count=1))
    captions = [caption for clip in CLIPS for caption in clip]
    ids = words.encode(tf.constant(captions), max_words=12).numpy()
    assert UNK not in ids
    assert words.decode(tf.constant(ids[:1])).numpy()[0] == b"a red ball rolls"


def test_the_configured_tokenizer_makes_the_words(tmp_path):
    captions, signs = ["一个男人跑步", "一个人"], Characters(kind="characters")
    clips = [[caption] for caption in captions]
    file = vocabulary_file(tmp_path, 1, clips, tokenizer=signs.to_json())
    expected = Vocabulary.from_captions(captions, 1, signs)
    assert Vocabulary.from_file(file, signs).digest == expected.digest
