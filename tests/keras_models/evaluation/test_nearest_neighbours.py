import numpy as np
import tensorflow as tf

from keras_models.evaluation.nearest_neighbours import consensus_captions, mean_vectors
from keras_models.structs import VideoBatch

REFERENCES = {
    "dog1": ["a dog runs", "the dog runs fast", "an animal outside"],
    "dog2": ["a dog runs", "a dog in a field"],
    "cat1": ["a cat sleeps", "the cat sleeps on a sofa"],
    "mute": [],
    **{f"other{n}": [f"a man plays song number {n}"] for n in range(20)},
}
OTHERS = [[-1.0, 0.0]] * 20
TRAINING = (
    list(REFERENCES),
    np.array([[1.0, 0.1], [0.9, 0.2], [0.0, 1.0], [1.0, 0.0], *OTHERS]),
)


def test_the_caption_that_the_neighbours_agree_on_is_chosen():
    clips = (["x", "y"], np.array([[1.0, 0.0], [0.1, 1.0]]))
    chosen = consensus_captions(clips, TRAINING, REFERENCES, neighbours=2)
    assert chosen["x"] == "a dog runs"
    assert chosen["y"] in {
        caption for c in ("cat1", "dog2") for caption in REFERENCES[c]
    }


def test_a_clip_without_captions_is_no_neighbour():
    clips = (["x"], np.array([[1.0, 0.0]]))
    (caption,) = consensus_captions(clips, TRAINING, REFERENCES, neighbours=1).values()
    assert caption in REFERENCES["dog1"]


def test_vectors_are_the_features_means_each_of_length_one():
    mask = tf.constant([[True, True, False], [False] * 3])
    values = tf.constant([[[3.0, 0.0], [3.0, 8.0], [0.0, 0.0]], [[0.0, 0.0]] * 3])
    video = VideoBatch(
        tf.constant(["x", "y"]), {"a": values, "b": 2 * values}, {"a": mask, "b": mask}
    )
    ids, vectors = mean_vectors([video])
    assert ids == ["x", "y"]
    np.testing.assert_allclose(vectors[0], [0.6, 0.8, 0.6, 0.8], rtol=1e-6)
    assert not vectors[1].any()
