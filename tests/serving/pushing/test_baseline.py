from serving.common.weights_digest import weights_digest
from serving.pushing.baseline import baseline_version, choose_baseline
from serving.pushing.push import push
from tests.support.pushing import OTHER_SPEC, RECORD, write_model


def choose(tmp_path):
    candidate = write_model(tmp_path / "candidate" / "Format-Serving", "candidate")
    return choose_baseline(str(candidate), str(tmp_path / "pushed"))


def test_first_candidate_is_its_own_baseline(tmp_path):
    chosen = choose(tmp_path)
    assert chosen.folder == str(tmp_path / "candidate" / "Format-Serving")
    assert chosen.version == ""
    assert "nothing has been pushed" in chosen.reason


def test_latest_pushed_version_is_the_baseline(tmp_path):
    for version in ("9", "10", "100", "99"):
        write_model(tmp_path / "pushed" / version)
    (tmp_path / "pushed" / "1000").mkdir()  # being written by somebody else
    chosen = choose(tmp_path)
    assert chosen.version == "100"
    assert chosen.folder == str(tmp_path / "pushed" / "100")


def test_model_of_another_specification_is_not_compared_with(tmp_path):
    write_model(tmp_path / "pushed" / "3", spec=OTHER_SPEC)
    chosen = choose(tmp_path)
    assert chosen.version == ""
    assert OTHER_SPEC.content_hash in chosen.reason


def test_repeated_run_finds_the_same_comparison_and_a_changed_one_does_not(tmp_path):
    destination = str(tmp_path / "pushed")
    assert baseline_version(None, "config a", "data") == ""
    models = [write_model(tmp_path / name, name) for name in "ab"]
    record = RECORD.replace(
        config_digest="config a",
        data_digest="data",
        weights_digest=weights_digest(models[0]),
    )
    first = push(str(models[0]), destination, record)
    assert baseline_version(first, "config a", "data") == ""
    assert baseline_version(first, "config b", "data") == first.version
    assert baseline_version(first, "config a", "more data") == first.version
    record = record.replace(
        config_digest="config b",
        weights_digest=weights_digest(models[1]),
        baseline_version=first.version,
    )
    second = push(str(models[1]), destination, record)
    assert baseline_version(second, "config b", "data") == first.version
    assert baseline_version(second, "config a", "data") == second.version
