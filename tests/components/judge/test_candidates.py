"""Models beside a served one, good and bad, through Evaluator, Judge and Pusher."""

import math
import pathlib

import pytest
import tensorflow as tf

from components.report import evaluator_output
from serving.gates.config import GateConfig
from serving.pushing import destination as destinations
from tests.support import judged_pipeline
from tests.support.candidates import CATEGORIES, CLIPS, REFERENCES, speaking
from tests.support.speakers import Speaker, write_records, write_speaker

GATES = GateConfig.from_dict({"sampling": {"samples": 500}, "cost": {"factor": 4}})
NO_SERVER = GATES.replace(servable=None)  # `test_trial` has what a server says
SERVED = speaking(0.7)
BETTER = speaking(0.97, seed=5)
PLACE = {
    clip: name.partition("=")[2] for name, clips in CATEGORIES.items() for clip in clips
}


@pytest.fixture(scope="module", autouse=True)
def no_arguments():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", ["test"])  # which TFX would hand to Beam
        yield


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Records, and a folder in which a model has been pushed."""
    folder = tmp_path_factory.mktemp("candidates")
    training = {f"t{n}": texts for n, texts in enumerate(REFERENCES.values())}
    write_records(folder / "records", REFERENCES, training, PLACE)
    first = write_speaker(folder / "first", SERVED)
    found = judged(folder, first, NO_SERVER)
    assert found.pushed and found.verdict.first
    return folder


def judged(folder: pathlib.Path, model: str, gates: GateConfig):
    names = iter(range(100))
    place = next(p for n in names if not (p := folder / f"run{n}").exists())
    place.mkdir()
    return judged_pipeline.judge(
        place, str(folder / "records"), model, str(folder / "pushed"), gates
    )


def files(folder: pathlib.Path) -> dict[str, bytes]:
    paths = (path for path in (folder / "pushed").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in paths}


def shown(found) -> dict[str, float]:
    """Returns the scores that Kubeflow's page shows of a judged model."""
    scores = found.stages["Judge"].outputs["scores"]
    return {
        name: scores.get_float_custom_property(name) for name in found.verdict.scores
    }


def without_a_graph(folder: pathlib.Path) -> str:
    model = write_speaker(folder, BETTER)
    (folder / "saved_model.pb").write_bytes(b"\xff" * 9)
    return model


def of_one_signature(folder: pathlib.Path) -> str:
    model = write_speaker(folder, BETTER)
    speaker = Speaker(BETTER)
    one = {"serving_default": speaker.signatures()["serving_default"]}
    tf.saved_model.save(speaker, model, signatures=one)
    return model


BROKEN = {
    "does not load": (without_a_graph, "cannot be loaded"),
    "one signature": (of_one_signature, "lacks the signature feature_spec"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_model_that_no_server_could_load_is_refused_and_no_stage_fails(
    workplace, tmp_path, kind
):
    write, said = BROKEN[kind]
    before = files(workplace)
    found = judged(workplace, write(tmp_path / "model"), GATES)
    assert found.verdict.outcome == "refused" and not found.verdict.servable
    assert said in found.verdict.sentence
    assert not found.pushed and files(workplace) == before
    evaluation = found.stages["Evaluator"].outputs["evaluation"]
    if kind == "does not load":
        assert evaluator_output.slice_rows(evaluation.uri) == []


def test_a_model_of_empty_captions_is_refused_and_changes_nothing(workplace, tmp_path):
    before = files(workplace)
    empty = write_speaker(tmp_path / "empty", dict.fromkeys(CLIPS, ""))
    found = judged(workplace, empty, NO_SERVER)
    assert shown(found) == found.verdict.scores
    assert "empty captions is 1.00" in found.verdict.sentence
    assert not found.pushed and files(workplace) == before


CANDIDATES = {
    "equal": ({**SERVED, "other": "weights"}, {}, "nothing is surely better"),
    "worse": (speaking(0.2, seed=3), {}, "below version"),
    "collapsed": (dict.fromkeys(CLIPS, "a man plays a guitar"), {}, "different capt"),
    "empty": (dict.fromkeys(CLIPS, ""), {}, "empty captions is 1.00"),
    "doubled": ({c: f"{t} {t}" for c, t in BETTER.items()}, {}, "repeated word pairs"),
    "unknown words": ({c: f"{t} <unk>" for c, t in BETTER.items()}, {}, "unknown word"),
    "dead slice": (
        BETTER | dict.fromkeys(CATEGORIES["category=food"], "it blurs"),
        {},
        "Slice category=food (24 clips)",
    ),
    "NaN": (BETTER, {"log_prob": math.nan}, "not a number"),
    "slow": (BETTER, {"effort": 400}, "× the baseline's"),
    "better": (BETTER, {}, "above version"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CANDIDATES)
def test_only_a_better_model_takes_the_served_ones_place(workplace, tmp_path, kind):
    captions, settings, said = CANDIDATES[kind]
    before = files(workplace)
    served = destinations.latest(str(workplace / "pushed"))
    model = write_speaker(tmp_path / "model", captions, **settings)
    found = judged(workplace, model, NO_SERVER)
    assert said in found.verdict.sentence
    assert found.verdict.baseline_version == served.version
    outcomes = {"better": "blessed", "equal": "equal"}
    assert found.verdict.outcome == outcomes.get(kind, "refused")
    assert found.pushed == (kind == "better")
    assert (files(workplace) == before) == (kind != "better")
