"""`ExtractedDataset`: what it reads, writes and refuses."""

import pytest
import tensorflow as tf

from tests.support.component_records import SPEC, write_records
from transform.common.errors import DataError
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest, ManifestRow

ROW = ManifestRow("a", "a.mp4", "val", "ok", "", 0, 9, 1.0, 8, 8, 25.0, "", "", "")


def written(folder):
    """A dataset with two splits, one of them in two files."""
    dataset = ExtractedDataset(folder)
    dataset.write_spec(SPEC)
    dataset.write_manifest(Manifest([ROW]))
    for split, total in (("val", 1), ("train", 2)):
        for index in range(total):
            write_records(folder / dataset.shard_path(split, index, total), clips=1)
    return dataset


@pytest.mark.parametrize("name", ["records", "rec[1]", "what? *", "ä b"])
def test_dataset_comes_back_as_it_was_written(tmp_path, name):
    written(tmp_path / name)
    dataset = ExtractedDataset(tmp_path / name)
    assert dataset.spec == SPEC
    assert dataset.manifest.rows == (ROW,)
    assert dataset.splits == ("train", "val")
    assert dataset.files("train") == [
        str(tmp_path / name / f"Split-train/data_tfrecord-0000{index}-of-00002")
        for index in range(2)
    ]


def test_dataset_on_another_file_system():
    dataset = ExtractedDataset("ram://dataset/records")
    dataset.write_spec(SPEC)
    path = f"{dataset.folder}/{dataset.shard_path('test', 0, 1)}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("records")
    again = ExtractedDataset(dataset.folder)
    assert again.spec == SPEC
    assert again.splits == ("test",)
    assert again.files("test") == [path]


def test_dataset_of_the_pattern_that_tfx_passes(tmp_path):
    written(tmp_path)
    pattern = str(tmp_path / "Split-train" / "*")
    assert ExtractedDataset.of_split_pattern(pattern).spec == SPEC


def test_missing_folder_is_one_sentence(tmp_path):
    dataset = ExtractedDataset(tmp_path / "nowhere")
    assert dataset.splits == ()
    for read in (
        lambda: dataset.spec,
        lambda: dataset.manifest,
        lambda: dataset.files("val"),
    ):
        with pytest.raises(
            DataError,
            match=r"^there are no records in \S+nowhere: \S+ is missing; .*`\.$",
        ):
            read()


def test_missing_split_names_the_others(tmp_path):
    with pytest.raises(DataError, match=r"of split test in .*, only of train, val\.$"):
        written(tmp_path).files("test")


def test_unfinished_file_is_no_record(tmp_path):
    dataset = written(tmp_path)
    (tmp_path / "Split-val" / ".data_tfrecord-00000-of-00001.0a1b").write_text("half")
    (tmp_path / "Split-test").mkdir()
    (tmp_path / "Split-test" / ".data_tfrecord-00000-of-00001.0a1b").write_text("half")
    assert len(dataset.files("val")) == 1
    assert dataset.splits == ("train", "val")


def test_files_of_an_earlier_run_are_removed(tmp_path):
    dataset = written(tmp_path)
    kept = dataset.shard_path("train", 0, 2)
    dataset.remove_shards_except({kept})
    assert dataset.files("train") == [str(tmp_path / kept)]
    assert dataset.splits == ("train",)
    assert not (tmp_path / "Split-val").exists()


def test_what_was_written_last_is_read(tmp_path):
    dataset = written(tmp_path)
    assert dataset.spec == SPEC
    other = SPEC.override({"sampling": {"resize": "area"}})
    dataset.write_spec(other)
    assert dataset.spec == other


def test_a_split_may_lie_in_files_elsewhere(tmp_path):
    dataset = written(tmp_path / "records")
    shared = [f"{tmp_path}/shared/{name}.tfrecord" for name in "ba"]
    dataset.write_index("test", shared)
    assert dataset.files("test") == shared  # in the order that was given
    assert dataset.splits == ("test", "train", "val")
    row = ROW._replace(split="test", shard=shared[1])
    assert dataset.path_of(row) == shared[1]
    own = dataset.shard_path("val", 0, 1)
    inside = ROW._replace(shard=own)
    assert dataset.path_of(inside) == str(tmp_path / "records" / own)
    assert dataset.descriptions("val") == dataset.files("val")
    assert dataset.descriptions("test") == [f"{path}.descriptions" for path in shared]
