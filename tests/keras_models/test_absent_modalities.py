"""MGSA (I+A+C) on clips of which some have neither sound nor a category."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.generation import Greedy
from keras_models.structs import VideoBatch
from keras_models.training.captioner_training import train
from tests.support import corpora, small_runs
from transform.records import example_codec
from transform.records.vocabulary import Vocabulary
from transform.schema import AudioWords, Category

SPEC = corpora.SPEC.replace(
    features=(
        *corpora.SPEC.features,
        AudioWords(words=5),
        Category(names=("animals", "music", "sports")),
    )
)
CAPTIONS = ("a red ball rolls", "a blue ball jumps")
VOCABULARY = Vocabulary(("a", "ball", "blue", "jumps", "red", "rolls"))


def example(seed: int, heard: bool) -> bytes:
    random = np.random.default_rng(seed)
    features = {
        "flow": random.integers(0, 255, (3, 16, 16, 2), np.uint8),
        "tiny": random.normal(size=(3, 2, 2, 8)),
    }
    if heard:
        features["audio_words"] = random.random((1, 5))
    video = example_codec.VideoExample(
        f"clip{seed}", (CAPTIONS[seed % 2],), features, "music" if heard else ""
    )
    return example_codec.to_example(video, SPEC).SerializeToString()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    file = str(folder / "records")
    with tf.io.TFRecordWriter(file) as writer:
        for seed in range(12):
            writer.write(example(seed, heard=seed % 3 > 0))
    fused = [{"kind": "clip_mean", "feature": f} for f in ("audio_words", "category")]
    config = small_runs.settings(
        {**small_runs.CROSS_ENTROPY, "epochs": 1}, variant="mgsa_iac"
    ).override({"model": {"encoder": {"fused": fused}}})
    preset = config.preset()
    clips = [file]
    return train(
        config,
        preset.model,
        preset.plan,
        SPEC,
        clips,
        clips,
        VOCABULARY,
        folder / "runs",
    ).model.captioner


def test_clips_without_sound_and_category_are_trained_on_and_captioned(trained):
    parsed = example_codec.parse(
        tf.constant([example(1, True), example(1, False)]), SPEC
    )
    for name in ("audio_words", "category"):
        np.testing.assert_array_equal(parsed.masks[name], [[True], [False]])
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    found = trained.caption(video, Greedy(), seed=tf.constant([0, 0])).captions
    assert np.isfinite(found.log_probs).all()
    # The clips differ in nothing else: what is heard counts.
    assert not np.allclose(found.log_probs[0], found.log_probs[1], atol=1e-6)
