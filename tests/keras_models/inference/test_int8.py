import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.ensembling.ensemble import Ensemble, EnsembleConfig
from keras_models.inference.int8 import int8_inference
from keras_models.presets import registry
from tests.support import tiny

SLOW = [
    pytest.param(row, marks=pytest.mark.slow)
    for row in ("stats", "dual_afr_soft", "vatex_temporal")
]
ROWS = ["mgsa", "vre", *SLOW]  # every decoder


@pytest.fixture(params=ROWS)
def captioner(request, monkeypatch):
    monkeypatch.setattr(tiny, "SETTINGS", {**tiny.SETTINGS, "units": 40})
    config = tiny.shrink(registry.get(request.param).model)
    captioner = Captioner(config, tiny.spec(config), len(tiny.VOCABULARY), 4)
    captioner.build_from_spec()
    for weight in captioner.decoder.weights:  # what is read decides what is said
        if weight.shape.rank > 1:
            weight.assign(0.5 * tf.random.stateless_normal(weight.shape, [1, 2]))
    return captioner


def said(captioner, batch):
    """Log-probabilities of a caption's words, read in a graph."""
    read = tf.function(captioner.teacher_force, autograph=False)
    return read(batch).log_probs.numpy()


def test_every_decoder_says_nearly_the_same(captioner):
    batch = tiny.batch(captioner.spec)
    expected = said(captioner, batch)
    with int8_inference(captioner):
        found = said(captioner, batch)
    assert not np.array_equal(found, expected)
    assert np.std(found - expected) < 0.05 * np.std(expected)
    np.testing.assert_array_equal(said(captioner, batch), expected)


@pytest.mark.parametrize("captioner", ["mgsa"], indirect=True)
def test_members_of_an_ensemble_are_quantised_too(captioner):
    members = {"one": captioner, "again": captioner}
    config = EnsembleConfig(members={name: captioner.config for name in members})
    decoder = captioner.decoder
    with int8_inference(Ensemble(config, members)):
        assert decoder.inference_kernel.rows.shape == (len(tiny.VOCABULARY), 160)
        assert decoder.upper_lower.inference_kernel.kernel.dtype == tf.qint8
    assert decoder.inference_kernel is None
    assert decoder.upper_lower.inference_kernel is None
