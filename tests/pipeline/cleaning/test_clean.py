import os
import pathlib
import time

import pytest
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from pipeline import configs, metadata_store, stages
from pipeline.cleaning import artifacts, clean
from pipeline.cleaning.removal import Removal, Rules, remove
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import labels, ledger, rollback
from serving.pushing.push import push
from tests.support import stage_fakes
from tests.support.pushing import RECORD, files_of, write_model
from transform.common import lease
from transform.common.lease import LeaseError
from transform.records import run_uses
from transform.records.run_uses import RunUse

RULES = Rules(keep_versions=1, keep_runs=1, older_days=1)
LATER = time.time() + 3 * 86400  # when everything here is old


class Silent:
    def on_stage_begin(self, index, total, name): ...
    def on_stage_end(self, index, total, stage): ...
    def on_stage_failure(self, index, total, name): ...


@pytest.fixture
def config(tmp_path):
    places = {"root": str(tmp_path / "run"), "push_to": str(tmp_path / "pushed")}
    return configs.find("demo").override(places)


def pushed(config, content, folder, baseline=""):
    model = write_model(folder / content, content)
    record = RECORD.replace(
        weights_digest=weights_digest(model), baseline_version=baseline
    )
    return push(str(model), config.push_destination, record).version


def going(config, kind, rules=RULES, now=LATER):
    return {
        pathlib.Path(removal.path).name
        for removal in clean.plan(config, rules, now)
        if removal.kind == kind
    }


def write(folder, *names):
    for name in names:
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_versions_that_are_served_named_or_needed_stay(config, tmp_path):
    first = pushed(config, "a", tmp_path)
    second = pushed(config, "b", tmp_path)
    third = pushed(config, "c", tmp_path)
    fourth = pushed(config, "d", tmp_path, baseline=second)
    place = config.push_destination
    labels.assign(place, "canary", first)
    assert going(config, "version") == set()  # third is what a roll-back would serve
    labels.remove(place, "canary")
    assert going(config, "version") == {first}
    rollback.roll_back(place, "worse")
    assert going(config, "version") == {first, third, fourth}  # third's is served again
    assert going(config, "version", now=time.time()) == set()
    assert going(config, "version", Rules(keep_versions=9, older_days=0)) == set()


def test_carrying_out_removes_what_was_planned_and_leaves_the_served_bytes(
    config, tmp_path
):
    versions = [pushed(config, name, tmp_path) for name in "abc"]
    place = pathlib.Path(config.push_destination)
    served = files_of(place / versions[-1])
    with clean.alone(config):
        plan = clean.plan(config, RULES, LATER)
        clean.carry_out(config, plan, "somebody")
    assert [v.version for v in destinations.versions(str(place))] == versions[1:]
    assert files_of(place / versions[-1]) == served
    [event] = [e for e in ledger.events(str(place)) if e.event == "cleaned"]
    assert (event.version, event.by) == (versions[0], "somebody")


def test_a_removal_that_was_killed_leaves_no_half_version_and_is_finished(
    config, tmp_path, monkeypatch
):
    versions = [pushed(config, name, tmp_path) for name in "abc"]
    place = pathlib.Path(config.push_destination)
    [removal] = [r for r in clean.plan(config, RULES, LATER) if r.kind == "version"]
    monkeypatch.setattr(os, "rename", lambda *_: os._exit(9))
    child = os.fork()
    if child == 0:
        remove(removal)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 9
    monkeypatch.undo()
    assert (place / versions[0]).exists()
    assert [v.version for v in destinations.versions(str(place))] == versions[1:]
    (place / versions[0]).rename(place / f".cleaned-{versions[0]}")
    [again] = [r for r in clean.plan(config, RULES, LATER) if r.kind == "left over"]
    remove(again)
    assert not (place / f".cleaned-{versions[0]}").exists()


def test_records_and_features_of_kept_runs_stay(config):
    records = pathlib.Path(config.records_folder)
    write(records, "s/aa/old.tfrecord", "s/aa/old.tfrecord.descriptions")
    write(records, "s/aa/used.tfrecord", "s/aa/used.tfrecord.descriptions")
    write(config.feature_store, "s/c1/c1.zip", "s/c2/c2.zip", "other/c1/c1.zip")
    use = RunUse(records=("s/aa/old.tfrecord",), spec_hash="s", clips=("c2",))
    run_uses.write(str(records), use)
    [path] = (records / run_uses.FOLDER).iterdir()
    os.utime(path, (1, 1))
    use = RunUse(records=("s/aa/used.tfrecord",), spec_hash="s", clips=("c1",))
    run_uses.write(str(records), use)
    plan = clean.plan(config, RULES, LATER)
    order = [pathlib.Path(r.path).name for r in plan if r.kind == "records"]
    assert order == ["old.tfrecord.descriptions", "old.tfrecord"]
    found = {r.path.split("features/")[1] for r in plan if r.kind == "features"}
    assert found == {"s/c2/c2.zip", "other/c1/c1.zip"}
    both = Rules(keep_runs=2, older_days=0)
    assert going(config, "records", both) == set()
    assert going(config, "records", RULES, time.time()) == set()


def test_the_newest_trainings_and_logs_stay(config):
    for number, name in enumerate(("a", "b")):
        for folder in (config.training_folder, config.run_log):
            write(folder, f"{name}/file")
            os.utime(pathlib.Path(folder, name, "file"), (number, number))
    assert going(config, "training") == {"a"}
    assert going(config, "log") == {"a"}


def test_artifacts_of_old_runs_go_and_are_never_taken_from_the_cache(tmp_path):
    root = tmp_path / "run"
    root.mkdir()

    def run(log):
        pipeline = Pipeline(
            pipeline_name="fake",
            pipeline_root=str(root / "artifacts"),
            components=[stage_fakes.First(log=str(tmp_path / log))],
            enable_cache=True,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(root / metadata_store.FILE)
            ),
        )
        done = stages.StageRunner(Silent()).run(pipeline)["First"]
        return done.cached, done.outputs["schema"].uri

    _, old = run("one")
    _, new = run("two")
    assert run("two") == (True, new)  # a run that reuses it needs it
    _, [removal] = artifacts.removable(str(root), RULES, LATER)
    assert (removal.path, removal.kind) == (old, "artifact")
    artifacts.forget(str(root), [old])
    remove(removal)
    assert not pathlib.Path(old).exists()
    assert run("one")[0] is False


def test_nothing_is_removed_while_a_run_is_going_on(config):
    with lease.held(config.run_log, "run-7"):
        with pytest.raises(LeaseError, match="run-7"), clean.alone(config):
            raise AssertionError("never reached")


def test_a_file_that_is_gone_already_is_no_error(tmp_path):
    remove(Removal("records", str(tmp_path / "gone"), 0, ""))
