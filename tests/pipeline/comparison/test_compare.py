"""A whole comparison of two rows on drawn records, which a second call resumes."""

import pytest
import tensorflow as tf

from keras_models.data.records import RecordDataset
from pipeline.comparison import data_sets
from pipeline.comparison.compare import Comparison
from pipeline.comparison.task import (
    AS_IT_IS,
    ComparisonSettings,
    Outcome,
)
from tests.support import corpora
from transform.common.errors import DataError, KinescribeError
from transform.records.dataset import ExtractedDataset
from transform.schema import FeatureSpec, Imported

SETTINGS = ComparisonSettings.from_dict(
    {
        "budget": {"epochs": 2, "units": 16, "embedding": 8},
        "batch": {"size": 8, "captions": 2},
        "max_words": 6,
    }
)
ROWS = ("vre_attention", "vre_soft_att", "stats_i3d_fl")


def records(folder, splits=("train", "val")):
    """A folder of 24 clips a split, as an extraction without test clips leaves it."""
    dataset = ExtractedDataset(folder)
    written = corpora.write(folder / "drawn", clips=72)
    for split, file in zip(splits, written.files, strict=False):
        path = folder / dataset.shard_path(split, 0, 1)
        path.parent.mkdir()
        path.write_bytes(tf.io.gfile.GFile(file, "rb").read())
    dataset.write_spec(corpora.SPEC)
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The comparison, its root, what failed, and its results."""
    root = tmp_path_factory.mktemp("compared")
    data = data_sets.from_folders("drawn", [str(records(root / "records"))], str(root))
    comparison = Comparison(data, ROWS, SETTINGS)
    failures = comparison.train(str(root), workers=1, on_done=lambda done: None)
    return comparison, root, failures, comparison.results(str(root))


def test_every_row_that_can_read_the_data_is_trained_and_scored(compared):
    comparison, root, failures, (part,) = compared
    assert not failures
    rows = {row.row: row for row in part.rows}
    assert set(rows) == set(ROWS)
    assert "flow" in rows["stats_i3d_fl"].refused
    assert rows["vre_attention"].reading == "tiny for resnet152_grid"
    for name in ("vre_attention", "vre_soft_att"):
        assert 0 <= rows[name].mean["CIDEr-D"] <= 10 and rows[name].parameters > 0
        assert len(rows[name].curves[0]) == 2  # one point an epoch
    outcome = Outcome.read(
        comparison.tasks[0].folder(str(root)), comparison.tasks[0].digest
    )
    assert outcome is not None
    assert len(outcome.captions[AS_IT_IS]) == part.clips == 24


def test_controls_stand_beside_the_rows(compared):
    _, _, _, (part,) = compared
    assert part.floors["a person"]["CIDEr-D"] > 0
    assert set(part.floors) == {
        "best constant caption",
        "consensus of the 8 nearest training clips",
        "a person",
    }
    (row,) = [row for row in part.rows if row.row == "vre_soft_att"]
    assert len(row.controls) == 3 and 0 < row.distinct <= 1


def test_a_papers_claim_gets_an_interval_and_a_verdict(compared):
    _, _, _, (part,) = compared
    claims = {(claim.better, claim.other): claim for claim in part.claims}
    claim = claims["vre_attention", "vre_soft_att"]
    assert claim.difference.low <= claim.difference.value <= claim.difference.high
    assert claim.verdict in {"seen", "reversed", "not told apart"}
    assert claim.published > 0


def test_a_second_call_trains_nothing(compared, monkeypatch):
    comparison, root, _, _ = compared

    def refuse(*arguments, **options):
        raise AssertionError("a worker was started")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refuse)
    reported = []
    assert not comparison.train(str(root), workers=1, on_done=reported.append)
    assert reported == [len(comparison.tasks)]


def test_other_settings_are_trained_anew(compared):
    comparison, root, _, _ = compared
    other = SETTINGS.replace(min_count=2)
    task = comparison.tasks[0]._replace(settings=other)
    assert Outcome.read(task.folder(str(root)), task.digest) is None


def test_the_pages_hold_the_rows_the_controls_and_the_command(compared):
    comparison, root, _, parts = compared
    words = "kinescribe compare --data x"
    markdown, html = comparison.write_pages(str(root), words, parts)
    with open(markdown, encoding="utf-8") as file:
        text = file.read()
    assert "    kinescribe compare --data x" in text
    assert "| vre_soft_att |" in text and "| a person |" in text
    assert "none of the data's features can stand for" in text
    with open(html, encoding="utf-8") as file:
        page = file.read()
    assert page.count("<svg") == 1 and "vre_attention" in page


def test_what_was_for_validation_is_tested_on_and_nothing_is_lost(tmp_path):
    folder = records(tmp_path / "records")
    data = data_sets.from_folders("drawn", [f"all={folder}"], str(tmp_path))
    counts = {split: len(data.split(split).clips) for split in ("train", "val", "test")}
    assert counts == {"train": 22, "val": 2, "test": 24}
    before = RecordDataset(ExtractedDataset(folder).files("val"), corpora.SPEC)
    assert data.split("test").clips == before.clips


def test_data_without_validation_clips_are_refused(tmp_path):
    folder = records(tmp_path / "records", splits=("train",))
    with pytest.raises(DataError, match="lacks clips for test and val"):
        data_sets.from_folders("drawn", [str(folder)], str(tmp_path))


def test_an_unknown_row_lists_the_known_ones(compared):
    comparison, _, _, _ = compared
    with pytest.raises(KinescribeError, match="'vra'; choose one of: mgsa"):
        Comparison(comparison.tasks[0].data, ["vra"], SETTINGS)


def test_two_folders_of_one_name_are_refused(tmp_path):
    folder = str(records(tmp_path / "records"))
    with pytest.raises(DataError, match="two folders are called records"):
        data_sets.from_folders("drawn", [folder, folder], str(tmp_path))


def test_parts_with_a_clip_of_one_id_are_refused(tmp_path):
    folder = str(records(tmp_path / "records"))
    data = data_sets.from_folders("x", [f"a={folder}", f"b={folder}"], str(tmp_path))
    with pytest.raises(DataError, match="two parts of x have a clip clip"):
        data.split("train")


def test_rows_that_are_one_model_on_the_data_are_trained_once(tmp_path):
    folder = tmp_path / "records"
    data = data_sets.from_folders("drawn", [str(records(folder))], str(tmp_path))
    spec = FeatureSpec(features=(Imported(name="x", shape=(4,), max_steps=3),))
    data.spec = spec
    comparison = Comparison(data, ["vre", "vre_silent"], SETTINGS)
    assert [task.row for task in comparison.tasks] == ["vre"]
