import json
import pathlib

import pytest
import tensorflow as tf

from keras_models.ensembling.relevance import saving as relevance_saving
from serving.client.local_model import LocalModel
from tests.support import corpora
from tests.support.members import run, save_member

SETTINGS = {
    "relevance": {
        "modalities": ["tiny"],
        "units": 4,
        "embedding": 4,
        "blocks": 1,
        "heads": 2,
        "feedforward": 4,
    },
    "schedule": {"name": "relevance", "epochs": 1},
    "batch": {"kind": "clips", "size": 12, "captions": 1},
}


@pytest.fixture
def records(tmp_path) -> pathlib.Path:
    folder = tmp_path / "records"
    for seed, split in enumerate(("train", "val")):
        corpora.write(folder / f"Split-{split}", 12, seed)
    (folder / "feature_spec.json").write_text(corpora.SPEC.to_json())
    return folder


@pytest.mark.slow
def test_trained_models_become_one_that_is_served(records, tmp_path):
    vocabulary = corpora.write(tmp_path / "same").vocabulary
    members = [save_member(tmp_path / name, vocabulary) for name in ("one", "two")]
    settings = tmp_path / "relevance.yaml"
    settings.write_text(json.dumps(SETTINGS))  # JSON is YAML
    options = ["--records", records, "--out", tmp_path / "out", "--width", 2]
    result = run("fuse", *members, *options, "--settings", settings, "--json")
    assert result.exit_code == 0
    outcome = json.loads(result.stdout)
    assert outcome["model"] == str(tmp_path / "out" / "models" / "1")
    assert 0 < outcome["validation_mean_reciprocal_rank"] <= 1
    judge, _ = relevance_saving.load(outcome["weights"])
    assert judge.config.units == 4 and judge.max_words == 4
    assert LocalModel(outcome["model"]).spec == corpora.SPEC
    options += ["--settings", settings, "--captions", 2]
    again = run("fuse", *members, *options, "--precision", "mixed_bfloat16", "--json")
    assert json.loads(again.stdout)["model"] == str(tmp_path / "out" / "models" / "2")
    (path,) = sorted((records / "Split-val").iterdir())[:1]
    examples = [next(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())]
    for version, captions in ((1, 2), (2, 4)):
        model = LocalModel(tmp_path / "out" / "models" / str(version))
        (result,) = model.caption_examples(examples)
        assert len(result.captions) == captions
