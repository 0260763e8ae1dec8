import pytest

from keras_models.data.training_batches import ClipBatches, PairBatches
from keras_models.presets import registry
from keras_models.presets.preset_training import PresetTrainingConfig
from transform.common.config import ConfigError


@pytest.mark.parametrize("name", registry.PRESETS)
def test_what_a_training_does_not_give_is_the_presets(name):
    config, run = PresetTrainingConfig(variant=name), registry.get(name).run
    assert config.batch == run.batch
    assert config.max_words == run.max_words
    assert config.word_vectors == run.word_vectors


def test_what_a_training_gives_stays():
    config = PresetTrainingConfig.from_dict(
        {
            "variant": "dual_afr_soft",
            "batch": {"kind": "clips", "size": 8},
            "word_vectors": None,
        }
    )
    assert config.batch == ClipBatches(size=8, captions=5)
    assert config.word_vectors is None
    assert config.max_words == registry.get("dual_afr_soft").run.max_words


def test_what_was_resolved_is_written():
    config = PresetTrainingConfig(variant="vre")
    settings = config.to_dict()
    assert settings["batch"] == PairBatches(size=32).to_dict()
    assert settings["max_words"] == 15
    assert PresetTrainingConfig.from_dict(settings) == config


def test_an_unknown_batch_is_one_sentence():
    with pytest.raises(ConfigError, match=r"batch = .*'videos'.*'pairs', 'clips'"):
        PresetTrainingConfig.from_dict({"batch": {"kind": "videos"}})
