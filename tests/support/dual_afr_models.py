"""dualAFR's models at `tiny`'s sizes."""

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.presets import registry
from tests.support import tiny


def captioner(name="dual_afr_soft", seed=0, shaken=True, **changes):
    """A built model; with random weights that make its words differ."""
    tf.keras.utils.set_random_seed(seed)
    config = tiny.shrink(registry.get(name).model).override(changes)
    spec = tiny.spec(config)
    model = Captioner(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    model.build_from_spec()
    random = np.random.default_rng(seed)
    if shaken:
        for weight in model.trainable_weights:
            weight.assign(random.normal(0, 0.7, weight.shape))
    return model


def batch(model):
    return tiny.batch(model.spec)
