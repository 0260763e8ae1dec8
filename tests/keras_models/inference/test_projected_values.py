import numpy as np
import pytest
import tensorflow as tf

from keras_models.decoders.two_layer_lstm import ProjectedMemory, TwoLayerMemory
from tests.support import models


@pytest.mark.parametrize("name", ["mgsa", "mgsa_audio"])
def test_projected_values_change_no_probability(name):
    model = models.captioner(name, decoder={"dropout": 0.0})
    encoded = model.encode(models.video())
    first = model.start(encoded, training=True)
    second = model.start(encoded)
    assert isinstance(first[1], TwoLayerMemory)
    assert isinstance(second[1], ProjectedMemory)
    for tokens in ([1, 1, 1], [4, 7, 2]):
        one, other = (
            model.step(tf.constant(tokens), *parts) for parts in (first, second)
        )
        np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=1e-4, atol=1e-5)
        first, second = (one.state, first[1]), (other.state, second[1])


def test_the_values_of_two_attentions_are_not_projected():
    model = models.captioner(attentions=[{"kind": "additive"}, {"kind": "uniform"}])
    _, memory = model.start(model.encode(models.video()))
    assert isinstance(memory, TwoLayerMemory)
