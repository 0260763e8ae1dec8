import numpy as np
import pytest

from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.training.warm_start import vocabulary_axes
from tests.support import tiny

# One of every decoder.
NAMES = ("mgsa", "stats", "dual_afr_soft", "vatex_vanilla", "vre", "vre_attention")


@pytest.mark.parametrize("name", NAMES)
def test_the_axis_of_the_vocabulary_is_the_one_that_grows_with_it(name):
    config = tiny.shrink(registry.get(name).model)
    spec = tiny.spec(config)
    small, large = (
        Captioner(config, spec, words, tiny.MAX_WORDS).build_from_spec()
        for words in (12, 13)
    )
    for weight, grown, axis in zip(
        small.weights, large.weights, vocabulary_axes(small), strict=True
    ):
        growing = np.flatnonzero(np.not_equal(weight.shape, grown.shape)).tolist()
        assert growing == ([] if axis is None else [axis]), weight.name
