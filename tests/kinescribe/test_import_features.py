import json

import numpy as np
import pytest
import yaml

from kinescribe.commands import extract, import_features
from tests.support import corpus
from transform.common.config import ConfigError
from transform.records.dataset import ExtractedDataset


@pytest.fixture
def settings(tmp_path):
    """Three annotated clips without files, of which two have features."""
    source = corpus.annotate(tmp_path, ("whole", "another", "third"))
    for name in ("whole", "another"):
        np.save(tmp_path / f"{name}.npy", np.ones((5, 4)))
    return {
        "corpus": source.to_dict(),
        "features": {
            "features": [
                {
                    "kind": "imported",
                    "name": "c3d_fc7",
                    "shape": [4],
                    "max_steps": 3,
                    "files": {"kind": "npy", "file": f"{tmp_path}/{{video_id}}.npy"},
                }
            ]
        },
        "extraction": {"max_failure_ratio": 0.4, "workers": 1},
    }


def write(folder, settings) -> str:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def test_corpus_and_features_are_enough(settings, tmp_path, capsys):
    out = tmp_path / "out"
    import_features.command(write(tmp_path, settings), out=str(out))
    printed = capsys.readouterr().out
    assert "1 × c3d_fc7: there is no " in printed
    assert f"2 of 3 clips are in {out}" in printed
    assert ExtractedDataset(out).manifest.splits() == ["train", "val"]


def test_a_run_configuration_will_do_and_extract_does_the_same(
    settings, tmp_path, capsys
):
    settings |= {
        "name": "small",
        "root": str(tmp_path / "root"),
        "training": {"variant": "dual_afr_fc7"},
    }
    path = write(tmp_path, settings)
    outcomes = []
    for command in (import_features.command, extract.command):
        out = tmp_path / command.__module__
        command(path, out=str(out), as_json=True)
        outcomes.append(json.loads(capsys.readouterr().out))
        assert outcomes[-1].pop("out") == str(out)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["coverage"] == "2 of 3 clips"


def test_features_of_the_clips_themselves_are_left_to_extract(settings, tmp_path):
    settings["features"]["features"].append({"kind": "flow"})
    with pytest.raises(
        ConfigError, match=r"flow is not imported .*`kinescribe extract`"
    ):
        import_features.command(write(tmp_path, settings), out=str(tmp_path / "out"))


def test_mistakes_of_a_file_without_a_model_are_named(settings, tmp_path):
    del settings["corpus"]
    with pytest.raises(ConfigError, match=r"small\.yaml: key corpus is missing"):
        import_features.command(write(tmp_path, settings), out=str(tmp_path / "out"))
