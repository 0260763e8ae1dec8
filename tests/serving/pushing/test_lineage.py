import json

import pytest

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.gates.verdict import Verdict
from serving.pushing import lineage, rollback
from serving.pushing.destination import VERDICT
from serving.pushing.origin import Origin
from serving.pushing.push import push
from serving.pushing.run_folders import RunFolders
from tests.support.manifests import row
from tests.support.pushing import RECORD, write_model
from transform.records.manifest import Manifest

BLESSED = Verdict(
    outcome="blessed",
    sentence="Blessed: CIDEr-D 2.06 is 0.21 above version 7's 1.85.",
    servable=True,
    clips=60,
    clips_wanted=60,
    scores={"CIDEr-D": 2.06},
    intervals={"CIDEr-D": (1.74, 2.4)},
)
CLIPS = {f"v{n}": ("train", f"c{n}", "words") for n in range(4)}


@pytest.fixture
def place(tmp_path):
    """Three versions: fresh, and two that began with the one before."""
    (tmp_path / "judgement").mkdir()
    (tmp_path / "judgement" / VERDICT).write_text(BLESSED.to_json())
    parent, made = "", []
    for name, clips, settings in (
        ("a", {i: CLIPS[i] for i in ("v0", "v1")}, {"seed": 1}),
        ("b", {**CLIPS, "v1": ("train", "other", "words")}, {"seed": 1}),
        ("c", {i: CLIPS[i] for i in ("v0", "v2", "v3")}, {"seed": 2}),
    ):
        model = write_model(tmp_path / name, name)
        Origin(
            clips=clips,
            settings=settings,
            parent=parent,
            generation=len(made),
            reason=f"Retraining {name}.",
            run_id=f"run-{name}",
            note="new labels" if name == "c" else "",
        ).write(str(model))
        record = RECORD.replace(weights_digest=weights_digest(model))
        run = RunFolders(evaluation=str(tmp_path / "judgement"))
        parent = push(str(model), str(tmp_path / "pushed"), record, run).version
        made.append(parent)
    return str(tmp_path / "pushed"), made


def test_chain_goes_back_to_fresh_weights_with_each_difference(place):
    folder, (first, second, third) = place
    chain = lineage.trace(folder)
    assert [ancestor.version for ancestor in chain] == [third, second, first]
    assert lineage.in_words(chain[1]) == (
        f"{second}: from version {first}, 4 clips, 2 added, 1 changed"
    )
    assert (chain[1].added, chain[1].changed) == (("v2", "v3"), ("v1",))
    assert chain[0].removed == ("v1",)
    assert chain[0].settings == "seed (1 against 2)"
    assert lineage.in_words(chain[2]) == f"{first}: from fresh weights, 2 clips"
    assert json.loads(json.dumps([a.to_dict() for a in chain]))[0]["version"] == third


def test_card_has_judgement_data_training_and_what_happened_since(place):
    folder, (_, second, third) = place
    rollback.roll_back(folder, "it is worse")
    card = lineage.card(lineage.trace(folder, third))
    for words in (
        f"# Version {third}",
        BLESSED.sentence,
        "| CIDEr-D | 2.060 | 1.740 … 2.400 |",
        "3 clips: 3 train.",
        "Retraining c.",
        "Note: new labels",
        f"- {second}: from version ",
        ": it is worse.",
    ):
        assert words in card


def test_a_version_that_is_not_there_is_one_sentence(place, tmp_path):
    with pytest.raises(ServingError, match="has no version 7: its versions are 1"):
        lineage.trace(place[0], "7")
    with pytest.raises(ServingError, match="has no version at all"):
        lineage.trace(str(tmp_path / "nothing"))


def test_facts_of_a_record_are_lines_of_lineage_and_card(tmp_path):
    model = write_model(tmp_path / "a", "a")
    record = RECORD.replace(
        weights_digest=weights_digest(model),
        format=3,
        run_id="run-1",
        start="warm",
        scores={"CIDEr-D": 2.06},
        intervals={"CIDEr-D": (1.74, 2.4)},
        clips={"train": {"ok": 1200, "repaired": 3, "failed": 7}, "test": {"ok": 60}},
        failures={"it has no video stream": 2, "no frames": 5},
        manifest_digest="e" * 16,
        revision="abc",
        changed=True,
        image="registry/steps@sha256:ab",
        training_image="registry/trainer@sha256:cd",
        libraries={"tensorflow": "2.15.1"},
        artifacts={"model": "/runs/a/Trainer/model/12"},
    )
    Manifest([row("a", "train")]).write(str(tmp_path / "records"))
    run = RunFolders(records=str(tmp_path / "records"))
    version = push(str(model), str(tmp_path / "pushed"), record, run)
    chain = lineage.trace(str(tmp_path / "pushed"))
    found = lineage.facts(chain[0])
    assert found[0].endswith(" by run run-1, warm start")
    assert found[1:] == [
        "clips: 1,263 of 1,270 used; test 60 ok; train 1,200 ok, 7 failed, 3 repaired",
        "failed: 5 × no frames; 2 × it has no video stream",
        f"manifest {'e' * 16} in {version.folder}/assets.extra/manifest.csv.gz",
        "CIDEr-D 2.060 (1.740 … 2.400)",
        "code abc, with changes",
        "trained in registry/trainer@sha256:cd",
        "pushed by registry/steps@sha256:ab",
        "libraries: tensorflow 2.15.1",
        "artifact model: /runs/a/Trainer/model/12",
    ]
    card = lineage.card(chain)
    assert f"| manifest digest | `{'e' * 16}` |" in card
    assert "## Push" in card and "- code abc, with changes" in card
    other = chain[0]._replace(manifest="")
    assert lineage.facts(other)[3] == f"manifest {'e' * 16}"
    assert lineage.facts(other._replace(record=RECORD)) == []
    assert lineage.facts(other._replace(record=None)) == []
    older = RECORD.replace(format=2, clips={"test": {"ok": 60}})
    assert lineage.facts(other._replace(record=older)) == ["clips: test 60 ok"]
