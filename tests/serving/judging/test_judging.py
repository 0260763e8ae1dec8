"""Candidates as SavedModels, judged on records beside what is pushed."""

import json
import math

import pyarrow.parquet as pq
import pytest

from serving.common.weights_digest import weights_digest
from serving.gates.config import GateConfig
from serving.judging import judgement_files, judging, recorded
from serving.judging.comparing import compare_models
from serving.judging.judging import BaselineModel, judge_model
from serving.pushing import destination as destinations
from serving.pushing.push import push
from serving.pushing.run_folders import RunFolders
from tests.support import string_records
from tests.support.candidates import CATEGORIES, CLIPS, REFERENCES, speaking
from tests.support.pushing import RECORD
from tests.support.speakers import OTHER_SPEC, write_records, write_speaker
from transform.records.manifest import ManifestRow

# A server for each of them would take minutes; `test_trial` has what it says.
GATES = GateConfig.from_dict(
    {"servable": None, "sampling": {"samples": 500}, "cost": {"factor": 4}}
)
SERVED = speaking(0.7)
BETTER = speaking(0.97, seed=5)
PLACE = {
    clip: name.partition("=")[2] for name, clips in CATEGORIES.items() for clip in clips
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Records, and a served version with what was recorded of it."""
    folder = tmp_path_factory.mktemp("judging")
    training = {f"t{n}": texts for n, texts in enumerate(REFERENCES.values())}
    dataset = write_records(folder / "records", REFERENCES, training, PLACE, failed=2)
    model = write_speaker(folder / "served", SERVED)
    judged = judge_model(
        GATES, model, dataset, "test", BaselineModel(), str(folder / "pushed")
    )
    judgement_files.write(str(folder / "judgement"), judged)
    record = RECORD.replace(weights_digest=weights_digest(model))
    run = RunFolders(evaluation=str(folder / "judgement"))
    pushed = push(model, str(folder / "pushed"), record, run)
    return folder, dataset, judged, pushed


@pytest.fixture
def judged(workplace, tmp_path):
    folder, dataset, _, pushed = workplace

    def judged(captions, gates=GATES, **settings):
        model = write_speaker(tmp_path / "model", captions, **settings)
        baseline = BaselineModel(pushed.folder, pushed.version, "the latest")
        place = str(folder / "pushed")
        return judge_model(gates, model, dataset, "test", baseline, place).verdict

    return judged


def test_the_first_model_is_held_against_controls_and_all_of_it_is_kept(workplace):
    folder, _, first, pushed = workplace
    assert first.verdict.outcome == "blessed" and first.verdict.first
    assert (first.verdict.clips, first.verdict.clips_wanted) == (72, 74)
    table = pq.read_table(folder / "judgement" / "clips.parquet").to_pylist()
    assert {row["video_id"]: row["caption"] for row in table} == SERVED
    mean = sum(row["CIDEr-D"] for row in table) / len(table)
    assert first.verdict.scores["CIDEr-D"] == pytest.approx(mean)
    text = (folder / "judgement" / "metrics.prom").read_text()
    assert 'kinescribe_verdict{baseline_version="",outcome="blessed"} 1.0' in text
    assert list((folder / "judgement" / "tensorboard").iterdir())
    kept = f"{pushed.folder}/{destinations.EVALUATION}"
    assert recorded.read_verdict(kept) == first.verdict
    assert {row.video_id: row.caption for row in recorded.read_captions(kept)} == SERVED
    assert len(recorded.read_training(kept)) == len(REFERENCES)
    scores = json.loads((folder / "judgement" / "scores.json").read_text())
    assert scores["model"] == first.verdict.scores


def test_a_better_model_is_blessed_against_the_served_one(judged, workplace):
    verdict = judged(BETTER)
    assert verdict.outcome == "blessed"
    assert verdict.baseline_version == workplace[3].version
    assert f"above version {verdict.baseline_version}'s" in verdict.sentence
    gates = {finding.gate for finding in verdict.findings}
    assert {"cost", "coverage", "leak", "falling_slices", "controls"} <= gates


def test_the_same_model_again_is_equal_by_its_weights(judged):
    verdict = judged(SERVED)
    assert verdict.outcome == "equal" and "the weights are those of" in verdict.sentence


@pytest.mark.parametrize(
    ("captions", "settings", "said"),
    [
        (speaking(0.2, seed=3), {}, "below version"),
        (dict.fromkeys(CLIPS, ""), {}, "empty captions is 1.00"),
        (dict.fromkeys(CLIPS, "a man plays a guitar"), {}, "different captions"),
        ({c: f"{t} {t}" for c, t in BETTER.items()}, {}, "repeated word pairs"),
        (BETTER, {"log_prob": math.nan}, "not a number"),
        (BETTER, {"effort": 400}, "× the baseline's"),
        (
            BETTER | dict.fromkeys(CATEGORIES["category=food"], "it blurs"),
            {},
            "Slice category=food (24 clips)",
        ),
    ],
    ids=["worse", "empty", "constant", "doubled", "NaN", "slow", "dead slice"],
)
def test_a_candidate_that_must_not_be_served_is_refused(
    judged, captions, settings, said
):
    verdict = judged(captions, **settings)
    assert verdict.outcome == "refused"
    assert said in verdict.sentence


def test_a_model_that_does_not_load_is_refused_not_raised(workplace, tmp_path):
    folder, dataset, _, _ = workplace
    model = write_speaker(tmp_path / "model", BETTER)
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"\xff" * 9)
    place = str(folder / "pushed")
    found = judge_model(GATES, model, dataset, "test", BaselineModel(), place)
    assert found.verdict.outcome == "refused" and not found.verdict.servable
    assert "cannot be served" in found.verdict.sentence
    judgement_files.write(str(tmp_path / "judgement"), found)
    assert recorded.read_verdict(str(tmp_path / "judgement")) == found.verdict


def test_a_served_model_of_other_features_is_compared_by_what_it_said(
    workplace, tmp_path
):
    folder, dataset, _, pushed = workplace
    note = f"version {pushed.version} reads {OTHER_SPEC.content_hash}"
    place = str(folder / "pushed")
    model = write_speaker(tmp_path / "model", speaking(0.2, seed=3))
    baseline = BaselineModel("", "", note)
    verdict = judge_model(GATES, model, dataset, "test", baseline, place).verdict
    assert verdict.outcome == "refused" and not verdict.first
    assert f"below version {pushed.version}'s" in verdict.sentence


def test_two_models_are_compared_on_records(workplace, tmp_path):
    folder, dataset, _, _ = workplace
    better = write_speaker(tmp_path / "model", BETTER)
    found = compare_models(
        better, str(folder / "pushed"), dataset, "test", GATES.sampling
    )
    (cider,) = (row for row in found if row.metric == "CIDEr-D")
    assert cider.significant_gain and cider.clips == 72


def test_clips_are_sliced_by_columns_by_labels_and_by_the_manifest():
    row = ManifestRow(*[""] * len(ManifestRow._fields))
    clips = judging._Clips(
        ids=("a", "b", "unreferenced"),
        records=(
            string_records.serialized(
                category=["music"], labels=["tags=day", "tags=indoor", "tagsets=x"]
            ),
            string_records.serialized(category=["sport"]),
            string_records.serialized(category=["sport"]),
        ),
        references={"a": ["x"], "b": ["y"]},
        rows={"a": row._replace(status="ok"), "b": row._replace(status="repaired")},
        failed=0,
    )
    assert judging._slices(("category", "tags", "status"), clips) == {
        "category=music": ("a",),
        "category=sport": ("b",),
        "status=ok": ("a",),
        "status=repaired": ("b",),
        "tags=day": ("a",),
        "tags=indoor": ("a",),
    }
