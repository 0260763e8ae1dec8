import numpy as np
import pytest
import tensorflow as tf

from tests.support import clips
from transform.common.config import ConfigError
from transform.datasets import MSRVTT_CATEGORIES, AnnotationError, VideoRecord
from transform.extractors.clip_extractor import Extractor
from transform.jobs import check_categories, import_features
from transform.records import example_codec
from transform.records.example_codec import (
    UnknownCategoryError,
    VideoExample,
)
from transform.schema import Category, FeatureSpec, Imported, Label, LogMel

NAMES = ("animals", "cooking", "söng")
SPEC = FeatureSpec(
    features=(
        Category(names=NAMES),
        Category(name="topic", names=NAMES),
        Imported(name="vector", shape=(2,), max_steps=1),
    )
)
VECTOR = {"vector": np.ones((1, 2), np.float16)}


def record(category: str, **features: np.ndarray) -> tf.train.Example:
    return example_codec.to_example(
        VideoExample("a", (), {**VECTOR, **features}, category), SPEC
    )


def parse(*examples: tf.train.Example) -> example_codec.ParsedBatch:
    return example_codec.parse(
        tf.constant([e.SerializeToString() for e in examples]), SPEC
    )


@pytest.mark.parametrize("name", ["category", "topic"])
def test_category_of_the_annotation_becomes_one_hot(name):
    batch = parse(*(record(category) for category in (*NAMES, "")))
    assert batch.features[name].dtype == tf.float16
    np.testing.assert_array_equal(batch.features[name][:, 0], [*np.eye(3), np.zeros(3)])
    np.testing.assert_array_equal(batch.masks[name], [[True], [True], [True], [False]])
    assert batch.category.numpy().tolist() == [name.encode() for name in (*NAMES, "")]


def test_record_says_whether_the_category_is_missing():
    def missing(example):
        return example.features.feature["missing"].bytes_list.value[0]

    assert missing(record("cooking")) == b"none"
    assert missing(record("")) == b"category,topic"


def test_records_come_back_as_they_were():
    found = example_codec.from_example(record("cooking"), SPEC)
    assert found.category == "cooking"
    np.testing.assert_array_equal(found.features["category"], [[0, 1, 0]])
    np.testing.assert_array_equal(found.features["topic"], [[0, 1, 0]])
    assert example_codec.from_example(record(""), SPEC).features.keys() == {"vector"}


def test_one_hot_values_are_written_as_the_name():
    example = record("", topic=np.array([[0, 0, 1]], np.float16))
    batch = parse(example, record("", topic=np.zeros((1, 3), np.float16)))
    assert example.features.feature["topic"].bytes_list.value[0].decode() == "söng"
    np.testing.assert_array_equal(batch.features["topic"][:, 0], [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(batch.masks["topic"], [[True], [False]])
    for wrong in ([0.5, 0.5, 0], [0, 2, 0]):
        with pytest.raises(ValueError, match="topic must be one-hot; received"):
            record("", topic=np.array([wrong]))


def test_unknown_category_is_answered_with_the_known_ones():
    with pytest.raises(UnknownCategoryError, match=r"'cars'; .* has animals, cooking,"):
        record("cars")


def test_annotations_are_checked_before_anything_is_extracted():
    few = [
        VideoRecord("one", "1.mp4", "train", (), "animals"),
        VideoRecord("two", "2.mp4", "train", ()),
    ]
    check_categories.check(few, SPEC)
    cars = few[1]._replace(category="cars")
    with pytest.raises(AnnotationError, match="clip two has the category 'cars', whi"):
        check_categories.check([*few, cars], SPEC)
    check_categories.check([cars], FeatureSpec(features=SPEC.features[2:]))


def test_it_is_not_made_from_the_clip(tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 5)
    found = Extractor(FeatureSpec(features=SPEC.features[:1])).extract(path)
    assert found.features == {}


def test_names_are_part_of_the_hash():
    def digest(*names):
        return FeatureSpec(features=(Category(names=names),)).content_hash

    assert digest("a", "b") != digest("b", "a")


def test_stored_step_has_a_value_a_name():
    spec = FeatureSpec(features=(Category(names=MSRVTT_CATEGORIES),))
    label = Label(names=MSRVTT_CATEGORIES)
    assert spec.tensor("category") == ("category", 1, (20,), label)


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", ""]])
def test_names_that_are_no_list_of_categories_are_refused(names):
    with pytest.raises(ConfigError, match="need names that differ and are not empty"):
        Category.from_dict({"names": names})


@pytest.mark.parametrize(
    "feature",
    [
        {"kind": "imported", "name": "category", "shape": [20], "max_steps": 1},
        {"kind": "category", "name": "captions", "names": ["a"]},
        {"kind": "log_mel", "name": "missing"},
    ],
)
def test_features_are_not_named_like_other_parts_of_a_record(feature):
    with pytest.raises(ConfigError, match="needs another name, since every record has"):
        FeatureSpec.from_dict({"features": [feature]})


def test_features_are_stored_whatever_the_categories_are():
    other = Category(names=("other",))
    specs = [SPEC.replace(features=(f, LogMel())) for f in (SPEC.features[0], other)]
    stored = {import_features.computed_features(spec).content_hash for spec in specs}
    assert stored == {FeatureSpec(features=(LogMel(),)).content_hash}
