"""Every model can be trained on features that were computed elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.presets import registry
from keras_models.structs import TrainingBatch, VideoBatch
from tests.support import tiny
from transform.datasets import VideoRecord
from transform.jobs import import_features
from transform.records import example_codec
from transform.records.example_codec import VideoExample
from transform.schema import Category, FeatureSpec, FrameSampling, Imported

CLIPS = [
    VideoRecord("whole", "whole.mp4", "train", ("a b",), "music"),
    VideoRecord("short", "short.mp4", "train", ("c",)),
]
# One of each system, with as many kinds of features as it has.
TRAINED = (
    "mgsa_iac",
    "mgsa_audio",
    "stats_r152_c3d",
    "stats_fr",
    "vre",
    "vatex_spatial",
    "dual_afr_soft",
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> dict[str, Imported | Category]:
    """The features that any preset reads, in random files; categories are annotated.

    Optical flow, which records hold as planes of pixels otherwise, is in [−1, 1].
    """
    folder = tmp_path_factory.mktemp("features")
    random = np.random.default_rng(0)
    found: dict[str, Imported | Category] = {}
    for feature in tiny.FEATURES.values():
        tensor = feature.tensor(FrameSampling(frames=tiny.STEPS, window=2))
        if isinstance(feature, Category):
            found[tensor.name] = feature
            continue
        for clip in CLIPS:
            steps = 1 if clip.video_id == "short" else tensor.max_steps
            values = random.uniform(-1, 1, (steps, *tensor.step_shape))
            np.save(folder / f"{tensor.name}_{clip.video_id}.npy", values)
        found[tensor.name] = Imported.from_dict(
            {
                "name": tensor.name,
                "shape": tensor.step_shape,
                "max_steps": tensor.max_steps,
                "files": {
                    "kind": "npy",
                    "file": f"{folder}/{tensor.name}_{{video_id}}.npy",
                },
            }
        )
    return found


def batch_of(spec: FeatureSpec) -> TrainingBatch:
    """What comes out of the records of the two clips."""
    serialized = []
    for clip in CLIPS:
        features = import_features.import_clip(clip, import_features.imported(spec))
        video = VideoExample(clip.video_id, clip.captions, {}, category=clip.category)
        example = example_codec.to_example(video, spec, encoded=features.features)
        serialized.append(example.SerializeToString())
    parsed = example_codec.parse(tf.constant(serialized), spec)
    tokens = tf.constant([[[4, 5, 2]], [[6, 2, 0]]])
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    return TrainingBatch(video, tokens)


def test_the_features_of_every_preset_can_be_imported(imported):
    tried: set[tuple[str, ...]] = set()
    for name, preset in registry.PRESETS.items():
        features = preset.model.features()
        if features in tried:
            continue
        tried.add(features)
        spec = FeatureSpec(features=tuple(imported[name] for name in features))
        video = batch_of(spec).video
        for feature in features:
            tensor = spec.tensor(feature)
            shape = (2, tensor.max_steps, *tensor.step_shape)
            assert video.features[feature].shape == shape, name
            lengths = np.sum(video.masks[feature], axis=1).tolist()
            assert lengths == [tensor.max_steps, feature != "category"], name


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_is_learnt_from_imported_features(imported, name):
    preset = registry.get(name)
    config = tiny.shrink(preset.model)
    spec = FeatureSpec(features=tuple(imported[n] for n in config.features()))
    captioner = Captioner(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    captioner.build_from_spec()
    batch = batch_of(spec)
    optimizer = tf.keras.optimizers.SGD(0.1)
    losses = []
    context = ObjectiveContext(tiny.VOCABULARY, {}, tiny.MAX_WORDS, StepCounters())
    objective = preset.plan.stages[0].objective.build(context)
    objective.on_stage_begin(captioner)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = objective(captioner, batch).loss
        weights = captioner.trainable_variables
        gradients = tape.gradient(
            loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        losses.append(float(loss))
    assert losses[2] < losses[1] < losses[0]
