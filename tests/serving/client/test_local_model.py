from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from serving.client.local_model import LocalModel
from serving.common.errors import RefusedError, ServingError
from transform.extractors.clip_extractor import Extractor
from transform.records import example_codec
from transform.schema import SpecMismatchError
from transform.video.video_info import DecodeError


@pytest.fixture(scope="module")
def model(exported):
    return LocalModel(exported)


def test_results_hold_what_the_signature_returns(model, exported, make_example, spec):
    examples = [make_example(1), make_example(2, steps=3)]
    results = model.caption_examples(examples)
    function = tf.saved_model.load(str(exported)).signatures["caption_examples"]
    outputs = function(examples=tf.constant(examples))
    for row, result in enumerate(results):
        assert [text.encode() for text in result.captions] == list(
            outputs["captions"][row].numpy()
        )
        assert result.caption == result.captions[0]
        assert [" ".join(words) for words in result.words] == list(result.captions)
        np.testing.assert_allclose(result.log_probs, outputs["log_probs"][row])
        np.testing.assert_allclose(result.probabilities, np.exp(result.log_probs))
        assert result.attention.keys() == {"spatial", "temporal"}
        assert result.attention["spatial"].shape == (4, 4)  # (T, S)
        assert result.attention["temporal"].shape == (2, 7, 4)  # (K, L, T)
        assert result.spec_hash == spec.content_hash


def test_more_records_than_one_call_takes_are_captioned_in_order(model, make_example):
    examples = [make_example(seed) for seed in range(11)]
    together = [result.captions for result in model.caption_examples(examples)]
    assert together == [model.caption_examples([e])[0].captions for e in examples]
    assert model.caption_examples([]) == []


def test_a_clip_goes_through_the_pipelines_extraction(model, clip, spec):
    result = model.caption_file(clip)
    extraction = Extractor(spec).extract(clip)
    assert extraction.features.keys() == {"flow", "tiny"}
    record = example_codec.to_example(
        example_codec.VideoExample("", (), extraction.features), spec
    )
    expected = model.caption_examples([record.SerializeToString()])[0]
    assert result.captions == expected.captions
    assert result.log_probs == expected.log_probs


def test_part_of_a_clip_may_have_another_caption(model, clip):
    whole, part = model.caption_file(clip), model.caption_file(clip, start=1.0)
    assert whole.log_probs != part.log_probs


def test_a_broken_clip_is_said(model, broken_clip):
    with pytest.raises(DecodeError, match=r"broken\.mp4"):
        model.caption_file(broken_clip)


def test_records_of_another_specification_are_refused(
    model, make_example, spec, other_spec
):
    with pytest.raises(SpecMismatchError) as caught:
        model.caption_examples([make_example(1), make_example(1, of=other_spec)])
    assert spec.content_hash in str(caught.value)
    assert other_spec.content_hash in str(caught.value)


def test_what_is_no_record_is_refused_in_a_sentence(model):
    with pytest.raises(RefusedError) as caught:
        model.caption_examples([b"no record"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_folder_of_versions_gives_its_newest(exported, tmp_path, make_example):
    for version in (1, 2):
        shutil.copytree(exported, tmp_path / str(version))
    shutil.rmtree(tmp_path / "2" / "variables")
    assert LocalModel(tmp_path).caption_examples([make_example(1)])


def test_a_damaged_model_is_said(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(ServingError, match="cannot be loaded"):
        LocalModel(tmp_path / "model")


def test_weights_that_were_cut_are_said(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    (data,) = (tmp_path / "model" / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ServingError, match="cannot be loaded"):
        LocalModel(tmp_path / "model")


def test_a_clip_is_extracted_anew_for_a_model_that_came_in_meanwhile(
    spec, other_spec, exported, other_exported, tmp_path, clip, make_example
):
    """The new model's features are made in another way."""
    shutil.copytree(exported, tmp_path / "1")
    model = LocalModel(tmp_path)
    shutil.copytree(other_exported, tmp_path / "2")
    assert model.caption_file(clip).spec_hash == spec.content_hash  # still the first
    with pytest.raises(SpecMismatchError, match="resize"):
        model.caption_examples([make_example(1, of=other_spec)])
    assert model.caption_file(clip).spec_hash == other_spec.content_hash
