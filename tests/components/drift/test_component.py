import json

import pytest
from tfx.types import standard_artifacts

from components.drift.component import Drift
from components.drift.executor import FINDINGS
from serving.pushing.destination import CLIPS, EVALUATION
from serving.retraining.retrain_config import RetrainConfig
from tests.support.component_records import SPEC, write_records
from tests.support.pushing import write_model
from transform.records.clip_table import ClipTable
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest, ManifestRow


@pytest.fixture
def examples(tmp_path):
    """Descriptions of 8 clips, which are in training."""
    folder = tmp_path / "descriptions"
    dataset = ExtractedDataset(str(folder))
    write_records(folder / dataset.shard_path("train", 0, 1))
    dataset.write_spec(SPEC)
    dataset.write_manifest(
        Manifest(
            ManifestRow(
                *(f"video{n}", f"{n}.mp4", "train", "ok", "", 0, 50, 2.0, 64, 48),
                *(25.0, "", f"{n:016x}", ""),
            )
            for n in range(8)
        )
    )
    found = standard_artifacts.Examples()
    found.uri = str(folder)
    return found


def run(examples, folder, force=0, **rules):
    drift = standard_artifacts.ExampleAnomalies()
    drift.uri = str(folder / "drift")
    settings = RetrainConfig.from_dict(
        {"on_drift": "stop", "drift": {"min_clips": 2}, **rules}
    )
    Drift.test_call(
        descriptions=examples,
        drift=drift,
        destination=str(folder / "pushed"),
        rules=settings.to_json(),
        force=force,
    )
    return drift


def serve(folder, words, clips):
    """Pushes a model that knows some words, and was trained on some clips."""
    version = folder / "pushed" / "7"
    write_model(version)
    (version / "variables").mkdir(exist_ok=True)
    (version / "assets").mkdir(exist_ok=True)
    (version / "assets" / "vocabulary.txt").write_text("\n".join(words))
    if clips:
        clips.write(str(version / EVALUATION / CLIPS))


def test_the_first_model_has_nothing_to_drift_from(examples, tmp_path):
    drift = run(examples, tmp_path)
    assert drift.get_string_custom_property("decision") == "retrain"
    assert "nothing has been pushed" in drift.get_string_custom_property("reason")
    table = ClipTable.read(str(tmp_path / "drift" / CLIPS))
    assert list(table.columns["split"]) == ["train"] * 8
    assert list(table.columns["status"]) == ["ok"] * 8


def older(examples):
    """The table of four of the clips, as an earlier run wrote it."""
    table = ClipTable.of(ExtractedDataset(examples.uri))
    return table.where(table.columns["key"] <= sorted(table.columns["key"])[3])


@pytest.mark.parametrize(
    ("changes", "decision"),
    [({}, "stop"), ({"force": 1}, "retrain"), ({"on_drift": "tell"}, "retrain")],
)
def test_unknown_words_stop_the_run_unless_a_person_or_a_setting_says_otherwise(
    examples, tmp_path, changes, decision
):
    serve(tmp_path, ("cat", "sleeps"), older(examples))
    drift = run(examples, tmp_path, **changes)
    reason = drift.get_string_custom_property("reason")
    assert drift.get_string_custom_property("decision") == decision
    assert reason.startswith("Stopped: Drift: ") == (decision == "stop")
    assert "unknown_words 1.00 (0.1 is allowed)" in reason
    assert drift.get_float_custom_property("drift_unknown_words") == 1
    assert json.loads((tmp_path / "drift" / FINDINGS).read_text())["drifted"]


def test_a_version_without_a_table_is_not_compared_with(examples, tmp_path):
    serve(tmp_path, ("a",), None)
    drift = run(examples, tmp_path)
    assert "does not say what clips" in drift.get_string_custom_property("reason")
