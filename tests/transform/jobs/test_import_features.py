import filecmp
import pathlib

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.support import clips, corpus
from transform.backbones import loading
from transform.common.config import ConfigError
from transform.datasets import Jsonl
from transform.jobs import extraction_job, import_features
from transform.jobs.data_digest import data_digest
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.import_features import ChangedImportError, computed_features
from transform.records import example_codec
from transform.records.manifest import Manifest, ManifestError
from transform.schema import Category, FeatureSpec, Imported

SETTINGS = ExtractionSettings(workers=1, shards=2, max_failure_ratio=0.7)
IDS = ("whole", "another", "third", "sounding", "short")
MASK = {"kind": "mask_feature"}


def vector(name: str) -> np.ndarray:
    return np.full((3, 4), len(name), np.float32)


def maps(name: str) -> np.ndarray:
    return np.arange(2 * 5 * 2 * 2).reshape(2, 5, 2, 2) + len(name)


def specification(folder: pathlib.Path, **absent) -> FeatureSpec:
    """Two features from files: one a clip, and one for all."""
    npy = {
        "kind": "npy",
        "file": f"{folder}/maps/{{video_id}}.npy",
        "axes": [0, 2, 3, 1],
        **absent,
    }
    h5 = {"kind": "h5", "file": f"{folder}/vectors.h5", "dataset": "{stem}/x", **absent}
    return FeatureSpec.from_dict(
        {
            "features": [
                {
                    "kind": "imported",
                    "name": "maps",
                    "shape": [2, 2, 5],
                    "max_steps": 3,
                    "files": npy,
                },
                {
                    "kind": "imported",
                    "name": "vectors",
                    "shape": [4],
                    "max_steps": 2,
                    "files": h5,
                },
            ]
        }
    )


@pytest.fixture
def files(tmp_path) -> pathlib.Path:
    """Features of all clips."""
    folder = tmp_path / "files"
    (folder / "maps").mkdir(parents=True)
    with h5py.File(folder / "vectors.h5", "w") as file:
        for name in IDS:
            np.save(folder / "maps" / f"{name}.npy", maps(name))
            file[f"{name}/x"] = vector(name)
    return folder


@pytest.fixture
def source(tmp_path) -> Jsonl:
    """Annotations of clips whose files are not there."""
    return corpus.annotate(tmp_path, IDS)


def run(source, spec, folder: pathlib.Path, **changes) -> Manifest:
    return extraction_job.extract(
        source,
        spec,
        store=str(folder / "store"),
        out=str(folder / "out"),
        settings=SETTINGS.replace(**changes),
    )


def examples(folder: pathlib.Path, spec: FeatureSpec) -> dict:
    spec = loading.resolve(spec)
    found = {}
    for path in sorted((folder / "out").glob("Split-*/*")):
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            example = example_codec.from_example(
                tf.train.Example.FromString(data), spec
            )
            found[example.video_id] = example
    return found


# ---------------------------------------------------------------------- imports alone


def test_records_hold_the_files_values_without_a_video(files, source, tmp_path):
    spec = specification(files)
    manifest = run(source, spec, tmp_path)
    assert manifest.coverage() == "5 of 5 clips"
    assert manifest.counts()["ok"] == 5
    found = examples(tmp_path, spec)
    assert found.keys() == {*IDS}
    for name, example in found.items():
        np.testing.assert_array_equal(
            example.features["maps"], np.moveaxis(maps(name), 1, -1)
        )
        np.testing.assert_array_equal(example.features["vectors"], vector(name)[:2])
        assert example.captions == (f"this is {name}",)
        assert example.clip_length == "unknown"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Split-test",
        "Split-train",
        "Split-val",
        "feature_spec.json",
        "manifest.csv",
        "manifest.parquet",
    ]
    assert not (tmp_path / "store").exists()


def test_a_clip_that_lacks_a_feature_has_failed(files, source, tmp_path):
    (files / "maps" / "short.npy").unlink()
    np.save(files / "maps" / "third.npy", np.full((1, 5, 2, 2), np.nan))
    np.save(files / "maps" / "sounding.npy", np.zeros((1, 6, 2, 2)))
    spec = specification(files)
    manifest = run(source, spec, tmp_path)
    reasons = {row.video_id: row.reason for row in manifest.rows if not row.usable}
    place = f"{files}/maps/{{video_id}}.npy"
    assert reasons == {
        "short": f"maps: there is no {place}",
        "third": "maps: it has values that are not finite",
        "sounding": f"maps: {place} has shape (…, 6, 2, 2), but (steps, 2, 2, 5) is "
        "declared",
    }
    assert examples(tmp_path, spec).keys() == {"whole", "another"}


def test_a_missing_feature_is_masked_where_its_files_say_so(files, source, tmp_path):
    (files / "maps" / "short.npy").unlink()
    (files / "maps" / "third.npy").write_bytes(b"damaged")
    with h5py.File(files / "vectors.h5", "a") as file:
        del file["sounding"]
        del file["short"]
    spec = specification(files, absent=MASK)
    rows = {row.video_id: row for row in run(source, spec, tmp_path).rows}
    assert rows["sounding"].status == "ok"
    assert rows["sounding"].reason == (
        f"left out vectors: {files}/vectors.h5 has no data set {{stem}}/x"
    )
    assert rows["short"].reason.endswith("no feature is there")
    assert "damaged" in rows["third"].reason  # which is not to be without
    assert not rows["short"].usable and not rows["third"].usable
    found = examples(tmp_path, spec)
    assert found["sounding"].features.keys() == {"maps"}
    assert found["whole"].features.keys() == {"maps", "vectors"}
    [batch] = (
        tf.data.TFRecordDataset(str(tmp_path / "out" / rows["sounding"].shard))
        .batch(9)
        .map(lambda data: example_codec.parse(data, spec))
    )
    ids = [name.decode() for name in batch.video_id.numpy()]
    assert not batch.masks["vectors"][ids.index("sounding")].numpy().any()


def test_a_folder_of_other_features_stops_the_run(files, source, tmp_path):
    spec = specification(files).override({})
    wrong = [f.replace(shape=(7,)) for f in spec.features]
    with pytest.raises(
        ManifestError, match=r"5 of 5 clips failed, every one: 5 × maps"
    ):
        run(source, spec.replace(features=wrong), tmp_path)
    assert not list((tmp_path / "out").glob("Split-*"))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_other_workers_and_files_of_another_place_give_the_same_bytes(
    files, source, tmp_path, workers
):
    run(source, specification(files), tmp_path)
    moved = files.rename(tmp_path / "moved")
    spec = specification(moved)
    assert spec.content_hash == specification(files).content_hash
    again = tmp_path / "again"
    run(source, spec, again, workers=workers)
    run(source, spec, again, workers=workers)
    shards = [
        str(path.relative_to(again / "out"))
        for path in sorted((again / "out").glob("Split-*/*"))
    ]
    assert len(shards) == 4
    _, differ, missing = filecmp.cmpfiles(
        tmp_path / "out", again / "out", [*shards, "manifest.csv"], shallow=False
    )
    assert not differ and not missing


def test_files_that_change_while_records_are_written_are_named(
    files, source, tmp_path, monkeypatch
):
    def assign_shards(*arguments):
        (files / "maps" / "short.npy").unlink()
        return original(*arguments)

    original = extraction_job.assign_shards
    monkeypatch.setattr(extraction_job, "assign_shards", assign_shards)
    with pytest.raises(Exception, match="features of clip short changed") as caught:
        run(source, specification(files), tmp_path)
    error = caught.value
    while error and not isinstance(error, ChangedImportError):
        error = error.__cause__ or error.__context__
    assert error


def test_an_error_of_ours_fails_the_clip(files, source, tmp_path, monkeypatch):
    def read(feature, clip):
        raise RuntimeError("a bug") if clip.video_id == "third" else KeyError

    monkeypatch.setattr(import_features.import_readers, "read", read)
    with pytest.raises(ManifestError, match="1 × RuntimeError: a bug"):
        run(source, specification(files), tmp_path)


def test_a_feature_without_files_is_refused(source, tmp_path):
    spec = FeatureSpec(
        features=(Imported(name="c3d", shape=(4,), max_steps=2, origin="fc6 of C3D"),)
    )
    with pytest.raises(
        ConfigError, match=r"feature c3d is imported \(fc6 of C3D\), bu"
    ):
        run(source, spec, tmp_path)


def test_annotated_seconds_are_the_length_of_a_clip_that_is_not_opened(
    files, source, tmp_path
):
    path = pathlib.Path(source.file)
    path.write_text(
        path.read_text().replace('"category"', '"start": 2, "end": 9, "category"')
    )
    spec = specification(files)
    manifest = run(source, spec, tmp_path)
    assert {row.seconds for row in manifest.rows} == {7.0}
    assert {e.clip_length for e in examples(tmp_path, spec).values()} == {"under_10s"}


def test_the_fingerprint_of_the_data_knows_imported_files(files, source):
    spec = specification(files)
    before = data_digest(source.read(), spec)
    assert before == data_digest(source.read(), spec) != data_digest(source.read())
    np.save(files / "maps" / "short.npy", np.zeros((1, 5, 2, 2)))
    assert data_digest(source.read(), spec) != before


# --------------------------------------------------------- joined to what is extracted


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for name, frames in (("whole", 20), ("another", 30), ("third", 25)):
        clips.write(folder / f"{name}.mp4", frames)
    clips.write(folder / "sounding.mp4", sound="aac")
    return folder


def test_extracted_and_imported_features_stand_in_one_record(files, videos, tmp_path):
    source = corpus.annotate(videos, IDS)  # the file of `short` is missing
    (files / "maps" / "whole.npy").unlink()
    spec = corpus.SPEC.replace(
        features=(*corpus.SPEC.features, *specification(files).features)
    )
    manifest = run(source, spec, tmp_path)
    rows = {row.video_id: row for row in manifest.rows}
    assert {name for name, row in rows.items() if row.usable} == {
        "another",
        "third",
        "sounding",
    }
    assert rows["short"].reason == "there is no such file"
    assert rows["whole"].reason.startswith("maps: there is no ")
    assert rows["another"].frames == 30
    found = examples(tmp_path, spec)
    assert [*found["sounding"].features] == [
        "flow",
        "grid",
        "log_mel",
        "maps",
        "vectors",
    ]
    alone = tmp_path / "alone"
    run(source, corpus.SPEC, alone)
    for name, example in examples(alone, corpus.SPEC).items():
        if name != "whole":
            for key, values in example.features.items():
                np.testing.assert_array_equal(found[name].features[key], values)


def test_other_imports_extract_nothing_anew(files, videos, tmp_path, monkeypatch):
    source = corpus.annotate(videos, ("whole", "another"))
    both = corpus.SPEC.replace(
        features=(*corpus.SPEC.features, *specification(files).features)
    )
    assert computed_features(both) == corpus.SPEC
    run(source, corpus.SPEC, tmp_path)
    monkeypatch.setattr(extraction_job, "ExtractFeatures", None)  # no job is even built
    run(source, both, tmp_path)
    np.save(files / "maps" / "whole.npy", maps("other"))
    run(source, both, tmp_path)
    found = examples(tmp_path, both)["whole"].features["maps"]
    np.testing.assert_array_equal(found, np.moveaxis(maps("other"), 1, -1))


def test_a_category_needs_no_video_either(files, source, tmp_path):
    spec = specification(files)
    spec = spec.replace(features=(*spec.features, Category(names=("bars", "ramps"))))
    assert run(source, spec, tmp_path).coverage() == "5 of 5 clips"
    found = examples(tmp_path, spec)["third"].features["category"]
    np.testing.assert_array_equal(found, [[1, 0]])
