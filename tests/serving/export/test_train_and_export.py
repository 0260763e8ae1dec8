import types

from keras_models.generation import Greedy
from serving.export import train_and_export
from serving.export.served_config import ServedConfig
from tests.support import corpora, small_runs


def test_the_exported_model_is_as_the_settings_say(monkeypatch, tmp_path):
    exported = []
    model = types.SimpleNamespace(save=lambda folder: None)
    result = types.SimpleNamespace(model=model)
    monkeypatch.setattr(train_and_export, "train", lambda *arguments: result)
    monkeypatch.setattr(train_and_export, "export", lambda *told: exported.extend(told))
    settings = train_and_export.TrainerSettings(
        training=small_runs.settings(small_runs.CROSS_ENTROPY),
        search=Greedy(),
        served=ServedConfig(precision="int8", frames=True),
        workdir=str(tmp_path),
    )
    train_and_export.train_and_export(
        settings, corpora.SPEC, (), (), None, str(tmp_path / "model")
    )
    assert exported[2:] == [settings.search, settings.served]
