import pathlib
from types import SimpleNamespace

import pytest
import tensorflow as tf

from components.trainer.history_file import read_history
from components.trainer.run_fn import _init_checkpoint, run_fn
from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import Greedy
from serving.client.local_model import LocalModel
from serving.export.train_and_export import TrainerSettings
from serving.pushing import provenance
from serving.pushing.origin import Origin, weights_folder
from tests.support import corpora, exported, small_runs
from transform.records.vocabulary import Vocabulary


def settings(folder: pathlib.Path) -> TrainerSettings:
    return TrainerSettings(
        training=small_runs.settings({**small_runs.CROSS_ENTROPY, "epochs": 1}),
        search=Greedy(),
        workdir=str(folder / "checkpoints"),
    )


def save_model(folder: pathlib.Path, units: int) -> pathlib.Path:
    """Weights in a SavedModel that nobody looks at."""
    config = settings(folder).training.override(
        {"model": {"decoder": {"units": units}}}
    )
    vocabulary = Vocabulary(["ball"])
    captioner = Captioner(config.preset().model, corpora.SPEC, len(vocabulary), 4)
    serving_model = folder / "Format-Serving"
    model = CaptioningModel(captioner.build_from_spec(), vocabulary)
    model.save(weights_folder(str(serving_model)))
    return serving_model


def test_run_fn_exports_a_model_its_weights_and_its_history(tmp_path, monkeypatch):
    monkeypatch.setenv(provenance.IMAGE_VARIABLE, "registry/trainer@sha256:cd")
    training = corpora.write(tmp_path / "examples" / "Split-train")
    corpora.write(tmp_path / "examples" / "Split-val", clips=6, seed=1)
    (tmp_path / "examples" / "feature_spec.json").write_text(training.spec.to_json())
    assets = tmp_path / "graph" / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    training.vocabulary.to_file(assets / "captions_vocabulary")
    origin = Origin(clips={"a": ("train", "b", "c")}, settings={}, reason="a test")
    origin.write(str(tmp_path / "basis" / "Format-Serving"))
    narrow = settings(tmp_path).replace(served={"precision": "mixed_bfloat16"})
    run_fn(
        SimpleNamespace(
            train_files=[str(tmp_path / "examples" / "Split-train" / "*")],
            eval_files=[str(tmp_path / "examples" / "Split-val" / "*")],
            transform_output=str(tmp_path / "graph"),
            serving_model_dir=str(tmp_path / "model" / "Format-Serving"),
            model_run_dir=str(tmp_path / "model_run"),
            base_model=str(tmp_path / "basis" / "Format-Serving"),
            custom_config={"settings": narrow.to_json()},
        )
    )
    serving_model = tmp_path / "model" / "Format-Serving"
    model = LocalModel(serving_model)
    records = list(tf.data.TFRecordDataset(training.files[:1]).as_numpy_iterator())
    captions = [result.caption for result in model.caption_examples(records)]
    assert len(captions) == len(records)
    assert exported.computes_in_bfloat16(serving_model)
    for folder in (tmp_path / "model/captioner", weights_folder(str(serving_model))):
        saved = CaptioningModel.load(folder)
        assert saved.captioner.config.to_dict()
    assert Origin.read(str(serving_model)) == origin.replace(
        image="registry/trainer@sha256:cd"
    )
    assert saved.vocabulary.words == training.vocabulary.words
    assert saved.spec == training.spec
    rows = read_history(str(tmp_path / "model_run"))
    assert [row["stage"] for row in rows] == ["cross_entropy"]
    assert list((tmp_path / "model_run").glob("events*"))


@pytest.mark.parametrize(("units", "fits"), [(8, True), (9, False)])
def test_a_base_model_gives_the_init_checkpoint_where_it_fits(tmp_path, units, fits):
    base_model = save_model(tmp_path, units)
    found = _init_checkpoint(str(base_model), settings(tmp_path), corpora.SPEC)
    assert found == (weights_folder(str(base_model)) if fits else "")


def test_a_base_model_of_other_features_or_without_weights_is_passed_over(tmp_path):
    other = corpora.SPEC.override({"sampling": {"resize": "area"}})
    base_model = str(save_model(tmp_path, units=8))
    assert _init_checkpoint(base_model, settings(tmp_path), other) == ""
    nowhere = str(tmp_path / "nowhere" / "Format-Serving")
    assert _init_checkpoint(nowhere, settings(tmp_path), corpora.SPEC) == ""
    assert _init_checkpoint(None, settings(tmp_path), corpora.SPEC) == ""
