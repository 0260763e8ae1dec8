import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from tests.keras_models.attention.test_multiplicative import weights_of
from tests.keras_models.encoders.test_vre import affine
from tests.reference import vre as reference
from tests.support import tiny, vre_models
from transform.common.config import ConfigError

CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def matrices(decoder):
    """The decoder's kernels as the reference's matrices."""
    inputs = [decoder.from_video, decoder.from_clip, decoder.from_words]
    kernels = [dense.kernel.numpy() for dense in inputs]
    return {
        "temporal": weights_of(decoder.attentions[0]),
        "spatial": weights_of(decoder.attentions[1]),
        "lstm": (
            np.concatenate(kernels).T,
            decoder.lstm.recurrent.kernel.numpy().T,
            decoder.from_words.bias.numpy(),
        ),
        "embedding": decoder.embedding.embeddings.numpy(),
        "words": affine(decoder.words),
    }


@pytest.mark.parametrize("step1", [False, True])
def test_steps_equal_the_equations_after_either_summary(step1):
    model = vre_models.captioner()
    encoded = model.encode(vre_models.video())
    if step1:
        encoded = encoded._replace(summary=encoded.aux["step1_summary"])
    state, memory = model.start(encoded)
    expected = [reference.start(o) for o in encoded.summary.numpy()]
    weights = matrices(model.decoder)
    for tokens in ([1, 1, 1, 1], [4, 7, 2, 9], [8, 5, 0, 4]):
        output = model.step(tf.constant(tokens), state, memory)
        state = output.state
        temporal, spatial = (context.weights for context in output.contexts)
        for clip, length in enumerate(vre_models.LENGTHS):
            probabilities, expected[clip], alpha_t, alpha_s = reference.step(
                None if tokens[clip] == 1 else tokens[clip],
                expected[clip],
                encoded.summary[clip].numpy(),
                encoded.frames[clip, :length].numpy(),
                encoded.grids[0][clip, 0].numpy(),
                encoded.clip_vectors[0][clip].numpy(),
                weights,
            )
            found = np.exp(output.log_probs[clip])
            np.testing.assert_allclose(found, probabilities, **CLOSE)
            alpha = temporal["temporal"][clip]
            np.testing.assert_allclose(alpha[:length], alpha_t, **CLOSE)
            np.testing.assert_allclose(spatial["spatial"][clip], alpha_s, **CLOSE)


def test_captions_of_an_encoding_are_forced_as_those_of_its_video():
    model = vre_models.captioner()
    batch = vre_models.batch(vre_models.video())
    whole = model.teacher_force(batch)
    encoded = model.encode(batch.video)
    parts = model.teacher_force_encoded(encoded, batch.tokens)
    np.testing.assert_array_equal(whole.log_probs, parts.log_probs)
    first = encoded._replace(summary=encoded.aux["step1_summary"])
    other = model.teacher_force_encoded(first, batch.tokens)
    assert not np.allclose(other.log_probs, parts.log_probs)


def test_a_summary_of_another_size_is_refused():
    config = vre_models.captioner().config.override({"encoder": {"units": 5}})
    model = Captioner(config, vre_models.SPEC, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    with pytest.raises(ConfigError, match=r"decoder\.units = 6 is wrong: the summary"):
        model.build_from_spec()
