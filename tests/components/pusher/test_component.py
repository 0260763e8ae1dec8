import gzip
import hashlib
import pathlib
import shutil

import pytest
from tfx.types import standard_artifacts

from components.baseline_model.executor import VERSION
from components.pusher.component import Pusher
from components.pusher.executor import WITHHELD
from serving.common.weights_digest import weights_digest
from serving.gates.verdict import Verdict
from serving.judging import recorded
from serving.pushing import destination, ledger, provenance, rollback, soundness
from serving.pushing.destination import MANIFEST as MANIFEST_COPY
from serving.pushing.origin import Origin
from tests.support.manifests import row
from tests.support.pushing import SPEC, files_of, write_model
from transform.records.manifest import Manifest

VERDICT = Verdict(
    outcome="blessed",
    sentence="Blessed: CIDEr-D 2.06.",
    servable=True,
    clips=60,
    clips_wanted=60,
    scores={"CIDEr-D": 2.06},
    intervals={"CIDEr-D": (1.74, 2.4)},
)
ORIGIN = Origin(
    clips={"a": ("train", "b", "c")},
    settings={},
    parent="7",
    reason="Retraining: 1 clip was added.",
    run_id="run-1",
    image="registry/trainer@sha256:cd",
)
MANIFEST = Manifest(
    [
        row("a", "train"),
        row("b", "train", "repaired"),
        row("c", "train", "failed", "no frames"),
        row("d", "test"),
    ]
)


def artifact(kind, folder, **properties):
    made = kind()
    made.uri = str(folder)
    for name, value in properties.items():
        if isinstance(value, int):
            made.set_int_custom_property(name, value)
        else:
            made.set_string_custom_property(name, value)
    return made


def run_component(folder, evaluated=1, blessed=1, servable=1):
    write_model(folder / "candidate" / "Format-Serving")
    pushed = artifact(standard_artifacts.PushedModel, folder / "artifact")
    (folder / "artifact").mkdir()
    judgement = folder / "judgement"
    judgement.mkdir()
    for name in (*destination.EVALUATION_FILES, "scores.json"):
        (judgement / name).write_text(f"{name} of the candidate")
    recorded.write_verdict(str(judgement), VERDICT)
    MANIFEST.write(str(folder / "examples"))
    (folder / "drift").mkdir()
    (folder / "drift" / destination.CLIPS).write_text("numbers of clips")
    Pusher.test_call(
        examples=artifact(standard_artifacts.Examples, folder / "examples"),
        model=artifact(standard_artifacts.Model, folder / "candidate"),
        baseline=artifact(
            standard_artifacts.Model,
            folder / "baseline",
            **{VERSION: "7"},
        ),
        evaluation_blessing=artifact(
            standard_artifacts.ModelBlessing, folder / "evaluated", blessed=evaluated
        ),
        blessing=artifact(
            standard_artifacts.ModelBlessing, folder / "blessing", blessed=blessed
        ),
        infra_blessing=artifact(
            standard_artifacts.InfraBlessing, folder / "infra", blessed=servable
        ),
        judgement=artifact(standard_artifacts.ModelEvaluation, judgement),
        drift=artifact(standard_artifacts.ExampleAnomalies, folder / "drift"),
        pushed_model=pushed,
        destination=str(folder / "pushed"),
        config_digest="c" * 16,
        data_digest="d" * 16,
    )
    return pushed


def test_component_pushes_a_blessed_model_and_says_where_it_comes_from(tmp_path):
    pushed = run_component(tmp_path)
    latest = destination.latest(str(tmp_path / "pushed"))
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == latest.version
    assert pushed.get_string_custom_property("pushed_destination") == latest.folder
    assert pushed.get_string_custom_property("spec_hash") == SPEC.content_hash
    assert latest.record().baseline_version == "7"
    assert latest.record().config_digest == "c" * 16
    assert files_of(pushed.uri) == files_of(latest.folder)


def test_record_says_of_run_code_scores_and_clips_what_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv(provenance.IMAGE_VARIABLE, "registry/steps@sha256:ab")
    ORIGIN.write(str(tmp_path / "candidate" / "Format-Serving"))
    run_component(tmp_path)
    latest = destination.latest(str(tmp_path / "pushed"))
    record = latest.record()
    assert record.format == 3 and record.time.endswith("+00:00")
    assert (record.run_id, record.parent, record.start) == ("run-1", "7", "warm")
    assert record.decision == "Retraining: 1 clip was added."
    assert (record.outcome, record.verdict) == ("blessed", VERDICT.sentence)
    assert record.scores == VERDICT.scores and record.intervals == VERDICT.intervals
    assert record.clips == {
        "train": {"ok": 1, "repaired": 1, "failed": 1},
        "test": {"ok": 1},
    }
    assert (record.clips_used, record.clips_wanted) == (3, 4)
    assert record.failures == {"no frames": 1}
    assert len(record.manifest_digest) == 16
    assert record.artifacts["examples"] == str(tmp_path / "examples")
    assert record.artifacts["model"] == str(tmp_path / "candidate")
    assert record.image == "registry/steps@sha256:ab"
    assert record.training_image == "registry/trainer@sha256:cd"
    assert record.revision == provenance.code().revision
    assert {"python", "tensorflow", "tfx"} <= record.libraries.keys()
    assert record.weights_digest == weights_digest(latest.folder)


def test_verdict_captions_and_training_clips_travel_inside_the_version(tmp_path):
    run_component(tmp_path)
    latest = destination.latest(str(tmp_path / "pushed"))
    kept = tmp_path / "pushed" / latest.version / destination.EVALUATION
    assert {path.name for path in kept.iterdir()} == {
        *destination.EVALUATION_FILES,
        destination.CLIPS,
    }
    text = (kept / destination.CAPTIONS).read_text()
    assert text == "captions.jsonl of the candidate"


def test_manifest_travels_inside_the_version_and_has_the_records_digest(tmp_path):
    run_component(tmp_path)
    latest = destination.latest(str(tmp_path / "pushed"))
    kept = gzip.decompress(pathlib.Path(latest.folder, MANIFEST_COPY).read_bytes())
    assert kept == (tmp_path / "examples" / Manifest.TEXT_FILE).read_bytes()
    digest = hashlib.sha256(kept).hexdigest()
    assert digest.startswith(latest.record().manifest_digest)
    assert soundness.damage(latest) == ""


@pytest.mark.parametrize("missing", ["evaluated", "blessed", "servable"])
def test_component_pushes_nothing_without_every_blessing(tmp_path, missing):
    pushed = run_component(tmp_path, **{missing: 0})
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "pushed").exists()


def run_again(folder):
    for name in ("judgement", "drift", "artifact"):
        shutil.rmtree(folder / name)
    return run_component(folder)


def test_a_model_that_was_removed_by_hand_is_pushed_again_once_forgiven(tmp_path):
    place = tmp_path / "pushed"
    older = write_model(place / "7", "older")
    run_component(tmp_path)
    version = destination.latest(str(place)).version
    shutil.rmtree(place / version)
    pushed = run_again(tmp_path)
    assert pushed.get_int_custom_property("pushed") == 0
    assert f"--forgive {version}" in pushed.get_string_custom_property(WITHHELD)
    assert destination.latest(str(place)).folder == str(older)
    rollback.forgive(str(place), version, "by mistake")
    assert run_again(tmp_path).get_int_custom_property("pushed") == 1


def test_a_model_that_was_rolled_back_is_not_pushed_and_not_made_again(tmp_path):
    place = str(tmp_path / "pushed")
    write_model(tmp_path / "pushed" / "7", "older")
    ORIGIN.write(str(tmp_path / "candidate" / "Format-Serving"))
    run_component(tmp_path)
    rollback.roll_back(place, "it is worse")
    served = destination.latest(place)
    pushed = run_again(tmp_path)
    assert pushed.get_int_custom_property("pushed") == 0
    why = pushed.get_string_custom_property(WITHHELD)
    assert "rolled back" in why and "it is worse" in why
    assert destination.latest(place) == served
    event = ledger.events(place)[-1]
    assert (event.event, event.reason) == ("refused", why)
    assert event.origin_digest == ORIGIN.fingerprint
