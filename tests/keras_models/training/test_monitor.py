import math

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.data.records import RecordDataset
from keras_models.metrics.scorer import score
from keras_models.presets.registry import PRESETS
from keras_models.training.monitor import Monitor
from keras_models.training.plan import Plan
from keras_models.training.validation import CaptionValidator, ValidationConfig
from tests.support import corpora, small_runs
from transform.common.config import ConfigError


@pytest.mark.parametrize(
    ("setting", "name", "score"),
    [
        ("cider_d", "CIDEr-D", 0.5),
        ("CIDEr", "CIDEr-D", 0.5),
        ({"bleu_4": 1, "meteor": 2}, "BLEU-4 + 2 METEOR", 0.8),
        ("loss", "validation_loss", -3.0),
    ],
)
def test_a_monitor_is_a_metric_a_loss_or_a_mix(setting, name, score):
    monitor = Monitor.from_setting(ValidationConfig(monitor=setting).monitor)
    metrics = {"CIDEr-D": 0.5, "BLEU-4": 0.2, "METEOR": 0.3, "validation_loss": 3.0}
    assert monitor.name == name
    assert monitor.score(metrics) == pytest.approx(score)
    assert monitor.score({}) == -math.inf


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("cidre", "there is no metric 'cidre'; name loss alone, or some of BLEU-1, "),
        ({"loss": 1, "meteor": 1}, "there is no metric 'loss'"),
        ({"meteor": 0}, "every weight must be above 0"),
        ({}, "every weight must be above 0"),
    ],
)
def test_what_is_no_monitor_is_refused(setting, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ValidationConfig.from_dict({"monitor": setting})
    stage = {"name": "a", "epochs": 1, "objective": {"kind": "cross_entropy"}}
    with pytest.raises(ConfigError, match=sentence):
        Plan.from_dict({"stages": [stage | {"monitor": setting}]})


def test_stats_second_stage_is_chosen_by_what_it_maximises():
    first, second = PRESETS["stats"].plan.stages
    assert first.monitor is None
    monitored = Monitor.from_setting(second.monitor).weights
    assert monitored == second.objective.reward.weights()


@pytest.fixture(scope="module")
def validated(tmp_path_factory) -> tuple[CaptioningModel, RecordDataset]:
    """A model with random weights, and clips that it was not trained on."""
    folder = tmp_path_factory.mktemp("validated")
    corpus = corpora.write(folder / "val", clips=6, seed=1)
    tf.keras.utils.set_random_seed(0)
    captioner = Captioner(
        small_runs.settings().preset().model, corpus.spec, len(corpus.vocabulary), 4
    ).build_from_spec()
    return (
        CaptioningModel(captioner, corpus.vocabulary),
        RecordDataset(corpus.files, corpus.spec),
    )


def test_the_validation_loss_is_the_mean_over_all_words_of_all_captions(validated):
    model, clips = validated
    validator = CaptionValidator(model, ValidationConfig(batch_size=4), clips)
    measured = validator(Monitor.from_setting("loss")).metrics
    losses = []
    for video in clips.videos(1, model.captioner.config.features()):
        (video_id,) = video.video_id.numpy()
        encoded = model.captioner.encode(video)
        for caption in clips.references[video_id.decode()]:
            ids = model.vocabulary.encode(tf.constant([caption]), model.max_words)
            forced = model.captioner.teacher_force_encoded(encoded, ids[None])
            words = np.trim_zeros(ids[0].numpy(), "b")
            likelihoods = forced.log_probs.numpy()[0, np.arange(len(words)), words]
            losses.extend(-likelihoods)
    assert measured["validation_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert {"CIDEr-D", "distinct_captions", "bad_endings"} < set(measured)


def test_other_metrics_are_those_of_the_scorer_and_computed_where_monitored(validated):
    model, clips = validated
    validator = CaptionValidator(model, ValidationConfig(), clips)
    mix = validator(Monitor.from_setting({"bleu_1": 1, "rouge_l": 1})).metrics
    captions = model.caption(
        clips.videos(8, model.captioner.config.features()), ValidationConfig().search
    )
    expected = score(captions, clips.references, ["BLEU-1", "ROUGE-L"])
    assert {name: mix[name] for name in expected} == pytest.approx(expected)
    alone = validator(Monitor.from_setting("cider_d")).metrics
    assert set(alone) == {"CIDEr-D", "distinct_captions", "bad_endings"}
