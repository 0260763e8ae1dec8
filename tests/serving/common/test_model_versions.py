from __future__ import annotations

import pytest

from serving.common import model_versions
from serving.common.errors import ServingError


def test_every_shard_must_be_there_before_a_version_counts(tmp_path):
    folder = tmp_path / "7"
    variables = folder / "variables"
    variables.mkdir(parents=True)
    for path in (
        folder / "saved_model.pb",
        variables / "variables.index",
        variables / "variables.data-00000-of-00002",
    ):
        assert not model_versions.is_complete(str(folder))
        path.write_bytes(b"x")
    assert not model_versions.is_complete(str(folder))
    assert model_versions.complete_versions(str(tmp_path)) == {}
    (variables / "variables.data-00001-of-00002").write_bytes(b"x")
    assert model_versions.complete_versions(str(tmp_path)) == {7: str(folder)}


def test_only_whole_numbers_are_versions(doubling_model, push, tmp_path):
    push(doubling_model, 3)
    push(doubling_model, 12)
    base = tmp_path / "base"
    (base / "12").rename(base / "100.partial")
    push(doubling_model, 12)
    assert list(model_versions.complete_versions(str(base))) == [3, 12]
    assert model_versions.next_version(str(base)) == str(base / "13")
    assert model_versions.next_version(str(base / "absent")) == str(base / "absent/1")
    assert model_versions.resolve(base) == str(base / "12")
    assert model_versions.resolve(base / "3") == str(base / "3")


def test_a_changed_file_changes_the_snapshot(doubling_model, push):
    folder = push(doubling_model, 1)
    before = model_versions.snapshot(str(folder))
    assert before == model_versions.snapshot(str(folder))
    with (folder / "saved_model.pb").open("ab") as file:
        file.write(b"\n")
    assert before != model_versions.snapshot(str(folder))
    assert model_versions.snapshot(str(folder / "absent")) == ()


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ServingError, match=r"holds no model.*kinescribe demo"):
        model_versions.resolve(tmp_path)
    with pytest.raises(ServingError, match=r"feature_spec\.json is missing"):
        model_versions.read_spec(tmp_path)


def test_numbers_that_are_no_versions_are_left_out_with_a_warning(
    doubling_model, push, tmp_path, caplog
):
    push(doubling_model, 7)
    base = tmp_path / "base"
    for name in ("007", "20261128064326401123", str(2**63), "٣"):
        (base / name).symlink_to(base / "7")
    (base / str(2**63 - 1)).symlink_to(base / "7")
    for _ in range(2):  # servers look every few seconds
        found = model_versions.complete_versions(str(base))
    assert found == {n: str(base / str(n)) for n in (7, 2**63 - 1)}
    assert caplog.text.count("is left out") == 4
    assert f"{base}/007 is left out: {base}/7 is of the same number" in caplog.text
