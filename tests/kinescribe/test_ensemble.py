import json

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import CaptioningModel
from keras_models.ensembling.ensemble import Ensemble, EnsembleConfig
from keras_models.generation import BeamSearch
from keras_models.structs import VideoBatch
from serving.client.local_model import LocalModel
from tests.support import corpora
from tests.support.members import run, save_member
from transform.records import example_codec


def test_trained_models_become_one_that_is_served(tmp_path):
    corpus = corpora.write(tmp_path / "corpus", 3)
    members = [
        save_member(tmp_path / name, corpus.vocabulary) for name in ("one", "two")
    ]
    options = ["--out", tmp_path / "out", "--width", 2, "--weight", "two=3"]
    result = run("ensemble", *members, *options, "--captions", 2, "--json")
    model = tmp_path / "out" / "models" / "1"
    assert json.loads(result.stdout) == {
        "model": str(model),
        "shares": {"one": 0.25, "two": 0.75},
    }
    examples = list(tf.data.TFRecordDataset(corpus.files).as_numpy_iterator())
    served = LocalModel(model).caption_examples(examples)
    captioners = {
        name: CaptioningModel.load(tmp_path / name).captioner for name in ("one", "two")
    }
    configs = {name: captioner.config for name, captioner in captioners.items()}
    ensemble = Ensemble(EnsembleConfig(members=configs, weights={"two": 3}), captioners)
    parsed = example_codec.parse(tf.constant(examples), corpora.SPEC)
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    found = ensemble.caption(video, BeamSearch(width=2, n_best=2)).captions
    for result, texts, log_probs in zip(
        served,
        corpus.vocabulary.decode(found.tokens).numpy(),
        found.log_probs,
        strict=True,
    ):
        assert [text.encode() for text in result.captions] == list(texts)
        np.testing.assert_allclose(result.log_probs, log_probs, rtol=1e-4)

    narrow = [*options, "--precision", "mixed_bfloat16"]
    again = run("ensemble", *members, *narrow)
    assert "75.0%" in again.stdout
    (result,) = LocalModel(model.parent / "2").caption_examples(examples[:1])
    assert len(result.captions) == 1


@pytest.mark.parametrize(
    "weights", [["3"], ["c=1"], ["a"], ["a=x"], ["a=0"], ["a=inf"], ["a=1", "a=2"]]
)
def test_weights_are_positive_numbers_of_members(weights):
    options = [word for weight in weights for word in ("--weight", weight)]
    result = run("ensemble", "a=x", "b=y", "--out", "out", *options)
    assert result.exit_code == 2
    assert "--weight" in result.output and "positive number" in result.output
