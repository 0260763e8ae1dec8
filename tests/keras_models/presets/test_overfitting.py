"""Every row, with the objectives of its plan, learns a handful of clips by heart.

A row that cannot do that has a mistake which no test of its parts has found: a mask
that is a step late, a gradient that does not arrive, a state that is not carried on.
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import CaptionGenerator
from keras_models.data.records import RecordDataset
from keras_models.data.training_batches import ClipBatches
from keras_models.generation import Greedy
from keras_models.metrics.vocabulary_cider import VocabularyCiderD
from keras_models.presets.compact import Budget, compact
from keras_models.presets.registry import PRESETS
from keras_models.training import captioner_training
from keras_models.training.captioner_training import TrainingConfig
from keras_models.training.plan import Plan
from tests.support import tiny
from transform.records import example_codec
from transform.schema import Label

CLIPS = 32
BY_HEART = 9.0  # CIDEr-D; a caption that is its own only reference has 10
CAPTIONS = [
    f"a {size} {thing} {verb} {place}"
    for (size, thing), (verb, place) in itertools.islice(
        zip(
            itertools.cycle(
                itertools.product(("big", "small"), ("dog", "car", "bird"))
            ),
            itertools.product(
                ("runs", "waits", "turns", "falls", "sings", "hides"),
                ("inside", "outside", "again", "alone", "there", "home"),
            ),
            strict=False,
        ),
        CLIPS,
    )
]
SHORT = ("vre_soft_att",)  # of the long list below
EPOCHS = 100
# Of random frames, means and maxima differ less from clip to clip than any one of them;
# so does what an LSTM keeps of all frames' mean cells.
EPOCHS_OF = {"vre_mean_pool": 160, "dual_afr_max": 200, "dual_afr_resnet": 300}


def write(path, spec):
    """Clips of random features, each with a caption of its own."""
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(path) as writer:
        for number, caption in enumerate(CAPTIONS):
            features = {}
            for tensor in spec.tensors():
                shape = (tensor.max_steps, *tensor.step_shape)
                if isinstance(tensor.encoding, Label):
                    features[tensor.name] = np.eye(shape[-1])[[number % shape[-1]]]
                elif tensor.dtype == "float16":
                    features[tensor.name] = random.normal(size=shape)
                else:
                    features[tensor.name] = random.integers(0, 256, shape, np.uint8)
            example = example_codec.to_example(
                example_codec.VideoExample(f"clip{number}", (caption,), features), spec
            )
            writer.write(example.SerializeToString())


def learned(name, folder):
    """The CIDEr-D of a row's captions of the clips that it was trained on."""
    spec = tiny.spec(PRESETS[name].model)
    budget = Budget(
        units=64,
        embedding=32,
        dropout=0.0,
        epochs=EPOCHS_OF.get(name, EPOCHS),
        fine_tuning_rate=2e-4,
    )
    adapted, plan = compact(PRESETS[name], spec, budget)
    stages = (stage.replace(validate_every=20) for stage in plan.stages)
    records = str(folder / "records")
    write(records, spec)
    clips = RecordDataset([records], spec)
    result = captioner_training.train(
        TrainingConfig(batch=ClipBatches(size=8, captions=1), max_words=6),
        adapted.model,
        Plan(stages=tuple(stages)),
        spec,
        [records],
        [records],
        clips.vocabulary(),
        str(folder / "run"),
    )
    captions = CaptionGenerator(result.model, Greedy())(
        clips.videos(CLIPS, adapted.model.features())
    )
    return np.mean([*VocabularyCiderD(clips.references).score(captions).values()])


@pytest.mark.parametrize("name", SHORT)
def test_a_row_learns_its_clips_by_heart(name, tmp_path):
    assert learned(name, tmp_path) > BY_HEART


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PRESETS if name not in SHORT])
def test_every_row_learns_its_clips_by_heart(name, tmp_path):
    assert learned(name, tmp_path) > BY_HEART
