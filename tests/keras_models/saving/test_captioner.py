import json

import numpy as np
import pytest
import tensorflow as tf

from keras_models.saving import captioner
from tests.support import models
from transform.records.vocabulary import Vocabulary

VOCABULARY = Vocabulary("abcde")


def test_a_loaded_model_gives_identical_outputs(tmp_path):
    model = models.captioner()
    captioner.save(model, VOCABULARY, tmp_path / "model")
    loaded, vocabulary = captioner.load(tmp_path / "model")
    batch = models.batch()
    assert np.array_equal(
        model.teacher_force(batch).log_probs, loaded.teacher_force(batch).log_probs
    )
    assert vocabulary.words == VOCABULARY.words
    assert loaded.max_words == model.max_words
    assert loaded.spec == model.spec
    assert loaded.config == model.config


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(tmp_path):
    captioner.save(models.captioner(), VOCABULARY, tmp_path)
    files = len(list(tmp_path.iterdir()))
    second = models.captioner("spatial_attention", seed=1)
    captioner.save(second, VOCABULARY, tmp_path)
    assert len(list(tmp_path.iterdir())) == files
    loaded, _ = captioner.load(tmp_path)
    for one, other in zip(loaded.weights, second.weights, strict=True):
        assert np.array_equal(one, other)


def test_a_save_that_is_cut_short_leaves_the_former_model(tmp_path, monkeypatch):
    first = models.captioner()
    captioner.save(first, VOCABULARY, tmp_path)
    rename = tf.io.gfile.rename

    def die(source, target, overwrite=False):
        if target.endswith(captioner.MODEL):
            raise KeyboardInterrupt
        rename(source, target, overwrite)

    monkeypatch.setattr(tf.io.gfile, "rename", die)
    with pytest.raises(KeyboardInterrupt):
        captioner.save(models.captioner(seed=1), VOCABULARY, tmp_path)
    monkeypatch.undo()
    loaded, _ = captioner.load(tmp_path)
    for one, other in zip(loaded.weights, first.weights, strict=True):
        assert np.array_equal(one, other)
    captioner.save(first, VOCABULARY, tmp_path)  # sweeps up what was left
    assert len(list(tmp_path.glob("weights-*.index"))) == 1


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="9 words; received a vocabulary of 6"):
        captioner.save(models.captioner(), Vocabulary("ab"), tmp_path)


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(captioner.LoadError, match="holds no model"):
        captioner.load(tmp_path)


def test_another_vocabulary_is_noticed(tmp_path):
    captioner.save(models.captioner(), VOCABULARY, tmp_path)
    Vocabulary("abcdf").to_file(tmp_path / captioner.VOCABULARY)
    with pytest.raises(captioner.LoadError, match=f"trained with {VOCABULARY.digest}"):
        captioner.load(tmp_path)


def test_a_damaged_description_is_one_sentence(tmp_path):
    captioner.save(models.captioner(), VOCABULARY, tmp_path)
    path = tmp_path / captioner.MODEL
    text = path.read_text()
    path.write_text(text[:40])
    with pytest.raises(captioner.LoadError, match="not a model's description"):
        captioner.load(tmp_path)
    path.write_text(json.dumps({**json.loads(text), "format": 1}))
    with pytest.raises(captioner.LoadError, match="format = 1 is wrong"):
        captioner.load(tmp_path)
    path.write_text(json.dumps({**json.loads(text), "max_words": "many"}))
    with pytest.raises(captioner.LoadError, match="max_words = 'many' is wrong"):
        captioner.load(tmp_path)


def test_missing_weights_are_one_sentence(tmp_path):
    captioner.save(models.captioner(), VOCABULARY, tmp_path)
    for path in tmp_path.glob("weights-*"):
        path.unlink()
    with pytest.raises(captioner.LoadError, match="lacks the weights"):
        captioner.load(tmp_path)


def test_weights_of_another_model_are_one_sentence(tmp_path):
    captioner.save(models.captioner(), VOCABULARY, tmp_path)
    description = json.loads((tmp_path / captioner.MODEL).read_text())
    other = models.config("spatial_attention")
    description["config"] = other.to_dict()
    (tmp_path / captioner.MODEL).write_text(json.dumps(description))
    with pytest.raises(captioner.LoadError, match="other weights than its model has"):
        captioner.load(tmp_path)
