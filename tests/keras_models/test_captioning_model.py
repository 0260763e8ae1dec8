import json

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import CaptioningModel
from keras_models.saving.model_folder import MODEL, LoadError
from keras_models.saving.model_folder import VOCABULARY as VOCABULARY_FILE
from tests.support import models
from transform.records import tokenizers
from transform.records.vocabulary import Vocabulary

VOCABULARY = Vocabulary("abcde", tokenizers.of_kind("unicode"))


def test_a_loaded_model_gives_identical_outputs(tmp_path):
    model = models.captioner()
    CaptioningModel(model, VOCABULARY).save(tmp_path / "model")
    saved = CaptioningModel.load(tmp_path / "model")
    loaded, vocabulary = saved.captioner, saved.vocabulary
    batch = models.batch()
    assert np.array_equal(
        model.teacher_force(batch).log_probs, loaded.teacher_force(batch).log_probs
    )
    assert vocabulary.words == VOCABULARY.words
    assert vocabulary.tokenizer == VOCABULARY.tokenizer
    assert loaded.max_words == model.max_words
    assert loaded.spec == model.spec
    assert loaded.config == model.config


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    files = len(list(tmp_path.iterdir()))
    second = models.captioner("spatial_attention_stateless", seed=1)
    CaptioningModel(second, VOCABULARY).save(tmp_path)
    assert len(list(tmp_path.iterdir())) == files
    loaded = CaptioningModel.load(tmp_path).captioner
    for one, other in zip(loaded.weights, second.weights, strict=True):
        assert np.array_equal(one, other)


def test_a_save_that_is_cut_short_leaves_the_former_model(tmp_path, monkeypatch):
    first = models.captioner()
    CaptioningModel(first, VOCABULARY).save(tmp_path)
    rename = tf.io.gfile.rename

    def die(source, target, overwrite=False):
        if target.endswith(MODEL):
            raise KeyboardInterrupt
        rename(source, target, overwrite)

    monkeypatch.setattr(tf.io.gfile, "rename", die)
    with pytest.raises(KeyboardInterrupt):
        CaptioningModel(models.captioner(seed=1), VOCABULARY).save(tmp_path)
    monkeypatch.undo()
    loaded = CaptioningModel.load(tmp_path).captioner
    for one, other in zip(loaded.weights, first.weights, strict=True):
        assert np.array_equal(one, other)
    CaptioningModel(first, VOCABULARY).save(tmp_path)  # sweeps up what was left
    assert len(list(tmp_path.glob("weights-*.index"))) == 1


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="9 words; received a vocabulary of 6"):
        CaptioningModel(models.captioner(), Vocabulary("ab")).save(tmp_path)


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(LoadError, match="holds no model"):
        CaptioningModel.load(tmp_path)


def test_another_vocabulary_is_noticed(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    Vocabulary("abcdf").to_file(tmp_path / VOCABULARY_FILE)
    with pytest.raises(LoadError, match=f"trained with {VOCABULARY.digest}"):
        CaptioningModel.load(tmp_path)


def test_a_damaged_description_is_one_sentence(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    path = tmp_path / MODEL
    text = path.read_text()
    path.write_text(text[:40])
    with pytest.raises(LoadError, match="not a model's description"):
        CaptioningModel.load(tmp_path)
    path.write_text(json.dumps({**json.loads(text), "format": 1}))
    with pytest.raises(LoadError, match="format = 1 is wrong"):
        CaptioningModel.load(tmp_path)
    path.write_text(json.dumps({**json.loads(text), "max_words": "many"}))
    with pytest.raises(LoadError, match="max_words = 'many' is wrong"):
        CaptioningModel.load(tmp_path)


def test_missing_weights_are_one_sentence(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    for path in tmp_path.glob("weights-*"):
        path.unlink()
    with pytest.raises(LoadError, match="lacks the weights"):
        CaptioningModel.load(tmp_path)


def test_weights_that_were_cut_are_one_sentence(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    for path in tmp_path.glob("weights-*.data-*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LoadError, match="are damaged"):
        CaptioningModel.load(tmp_path)


def test_weights_of_another_model_are_one_sentence(tmp_path):
    CaptioningModel(models.captioner(), VOCABULARY).save(tmp_path)
    description = json.loads((tmp_path / MODEL).read_text())
    other = models.config("spatial_attention_stateless")
    description["config"] = other.to_dict()
    (tmp_path / MODEL).write_text(json.dumps(description))
    with pytest.raises(LoadError, match="other weights than its model has"):
        CaptioningModel.load(tmp_path)
