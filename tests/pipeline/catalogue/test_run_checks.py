import json

import pytest

from pipeline.catalogue import run_checks
from pipeline.configs import PipelineConfig
from tests.support import clips
from transform.backbones import loading
from transform.jobs.records_config import RecordsConfig
from transform.records import reviewed_schema

SPLITS = ("train", "train", "train", "val", "test")


@pytest.fixture
def rows(tmp_path):
    """The rows of an annotation file about five clips that are there."""
    for number in range(len(SPLITS)):
        clips.write(tmp_path / f"{number}.mp4", 8 + number)
    return [
        {
            "id": f"clip{number}",
            "video": f"{number}.mp4",
            "split": split,
            "captions": ["a cat sits", "the cat is on a mat"],
        }
        for number, split in enumerate(SPLITS)
    ]


def settings(folder, rows, **changes):
    (folder / "clips.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    grid = {
        "kind": "frame_grid",
        "name": "grid",
        "network": "tiny",
        "layer": "grid",
        "size": 112,
        "grid": [7, 7],
        "width": 64,
    }
    return {
        "name": "small",
        "root": str(folder / "root"),
        "corpus": {"kind": "jsonl", "file": str(folder / "clips.jsonl")},
        "features": {"features": [grid]},
        "training": {"variant": "vre_soft_att", "reads": {"resnet152_grid": "grid"}},
        **changes,
    }


def found(folder, rows, **changes):
    """Returns the errors and the warnings about a configuration, by their subjects."""
    config = PipelineConfig.from_dict(settings(folder, rows, **changes))
    examination = run_checks.examine_run(config)
    return [
        [(each.about, each.message) for each in examination.findings if each[0] == kind]
        for kind in ("error", "warning")
    ]


def test_a_run_in_order_has_its_facts_and_only_the_warning_of_few_clips(tmp_path, rows):
    config = PipelineConfig.from_dict(settings(tmp_path, rows))
    examination = run_checks.examine_run(config)
    assert examination.facts["clips"] == {"train": 3, "val": 1, "test": 1}
    assert examination.facts["captions"] == {"train": 6, "val": 2, "test": 2}
    assert examination.facts["steps_per_epoch"] == 1
    (few,) = examination.findings
    assert (few.severity, few.about) == ("warning", "captions")
    assert "3 training clips with 6 captions, 1 step an epoch, are too lit" in few[2]


def test_a_reviewed_schema_is_one_of_these_records_or_an_error(tmp_path, rows):
    config = PipelineConfig.from_dict(settings(tmp_path, rows))
    path = tmp_path / "schema.pbtxt"
    path.write_text(reviewed_schema.written(loading.resolve(config.features)))
    errors, _ = found(tmp_path, rows, data_schema=str(path))
    assert not errors
    path.write_text(path.read_text().replace("captions", "caption"))
    errors, _ = found(tmp_path, rows, data_schema=str(path))
    assert errors[0][0] == "schema" and "describes 'caption', which" in errors[0][1]
    errors, _ = found(tmp_path, rows, data_schema=str(tmp_path / "absent"))
    assert errors[0][0] == "schema" and f"read {tmp_path}/absent: No" in errors[0][1]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_a_clip_is_an_error(tmp_path, rows, split):
    there = [row for row in rows if row["split"] != split]
    errors, _ = found(tmp_path, there)
    assert [about for about, _ in errors] == ["splits"]
    assert f"no clip is in split {split}" in errors[0][1]


def test_test_clips_without_any_caption_are_an_error_and_some_are_a_warning(
    tmp_path, rows
):
    rows[4]["captions"] = []
    errors, _ = found(tmp_path, rows)
    assert errors[0][0] == "captions" and "nothing can be scored" in errors[0][1]
    rows.append({**rows[3], "id": "another", "split": "test"})
    errors, warnings = found(tmp_path, rows)
    assert not errors
    assert any("1 test clip of 2 without a caption" in text for _, text in warnings)


def test_a_copy_in_another_split_is_called_a_leak(tmp_path, rows):
    (tmp_path / "4.mp4").write_bytes((tmp_path / "0.mp4").read_bytes())
    errors, warnings = found(tmp_path, rows)
    assert not errors
    assert any("clip0 (train) and clip4 (test)" in text for _, text in warnings)


def test_missing_clips_are_told_and_too_many_are_an_error(tmp_path, rows):
    (tmp_path / "0.mp4").unlink()
    errors, _ = found(tmp_path, rows)
    assert [about for about, _ in errors] == ["clips"] and "0.mp4" in errors[0][1]
    errors, warnings = found(tmp_path, rows, extraction={"max_failure_ratio": 0.5})
    assert not errors
    assert any("1 of 5 clips cannot be found" in text for _, text in warnings)


def test_clips_that_have_only_features_need_no_video(tmp_path, rows):
    del rows[0]["video"], rows[1]["video"]
    errors, _ = found(tmp_path, rows)
    assert errors == [("clips", errors[0][1])]
    assert "2 clips have no `video`" in errors[0][1] and "clip0, clip1" in errors[0][1]
    files = {"kind": "npy", "file": "{video_id}.npy"}
    grid = {"kind": "imported", "name": "grid", "shape": [4], "max_steps": 2}
    errors, _ = found(tmp_path, rows, features={"features": [{**grid, "files": files}]})
    assert not errors


def test_networks_weights_and_vectors_that_are_not_there_are_errors(tmp_path, rows):
    grid = settings(tmp_path, rows)["features"]["features"][0]
    features = [
        {**grid, "network": "tiny4"},
        {**grid, "name": "a", "layer": "conv9"},
        {**grid, "name": "b", "weights": str(tmp_path / "absent.npz")},
        {"kind": "audio_words", "codebook": str(tmp_path / "absent.npz")},
        {"kind": "imported", "name": "c", "shape": [4], "max_steps": 2},
    ]
    training = {
        "variant": "vre_soft_att",
        "reads": {"resnet152_grid": "grid"},
        "word_vectors": {"kind": "file", "path": str(tmp_path / "vectors.txt")},
    }
    errors, _ = found(
        tmp_path, rows, features={"features": features}, training=training
    )
    assert [about for about, _ in errors] == [
        *("features", "features", "weights", "weights", "features", "weights"),
    ]
    parts = [
        "'tiny4'",
        "no layer 'conv9'",
        "absent.npz",
        "absent.npz",
        "c is imp",
        "vectors",
    ]
    for (_, text), part in zip(errors, parts, strict=True):
        assert part in text


def test_a_shape_that_the_row_cannot_read_is_an_error(tmp_path, rows):
    regions = {"kind": "imported", "name": "grid", "shape": [4, 8], "max_steps": 2}
    files = {"kind": "npy", "file": "{video_id}.npy"}
    errors, _ = found(
        tmp_path,
        rows,
        features={"features": [{**regions, "files": files}, {"kind": "flow"}]},
        training={"variant": "mgsa", "reads": {"inception_resnet_v2": "grid"}},
    )
    assert [about for about, _ in errors] == ["model"]
    assert "regions of grid have none" in errors[0][1]


def test_records_larger_than_the_disk_are_a_warning(tmp_path, rows, monkeypatch):
    usage = run_checks.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(run_checks.shutil, "disk_usage", lambda _: usage)
    _, warnings = found(tmp_path, rows)
    assert any(about == "disk" and "1.0KB" in text for about, text in warnings)


@pytest.mark.parametrize(
    "folders",
    [{"root": "runs [exp1]"}, {"push_to": "pushed*"}, {"push_to": "gs://a/?"}],
)
def test_a_folder_that_tensorflow_takes_for_a_pattern_is_an_error(
    tmp_path, rows, folders
):
    (error,), _ = found(tmp_path, rows, **folders)
    assert error[0] == "names" and "pattern" in error[1]


def test_a_root_in_a_bucket_is_an_error_and_a_bucket_for_models_is_none(tmp_path, rows):
    assert found(tmp_path, rows, push_to="s3://bucket/models")[0] == []
    (error,), _ = found(tmp_path, rows, root="s3://bucket/captions")
    assert error[0] == "root" and "s3://bucket/captions is in a bucket" in error[1]


def test_an_extraction_needs_no_splits_and_no_model(tmp_path, rows):
    described = settings(tmp_path, [row for row in rows if row["split"] == "train"])
    config = RecordsConfig(corpus=described["corpus"], features=described["features"])
    assert run_checks.examine_records(config, str(tmp_path / "out")).findings == []


def test_captions_without_spaces_are_told(tmp_path, rows):
    for row in rows:
        row["captions"] = ["一个男人在跑步", "a cat"][: 1 + (row["split"] == "test")]
    errors, warnings = found(tmp_path, rows)
    assert not errors
    assert any("script without spaces" in text for _, text in warnings)
    whole = {"tokenizer": {"kind": "whitespace"}}
    _, warnings = found(tmp_path, rows, vocabulary=whole)
    assert any(
        "3 of 3 training captions come out as a s" in text for _, text in warnings
    )
    signs = {"tokenizer": {"kind": "characters"}}
    training = settings(tmp_path, rows)["training"] | {"max_words": 6}
    _, warnings = found(tmp_path, rows, vocabulary=signs, training=training)
    told = [text for _, text in warnings]
    assert any("more than 6 words" in text for text in told)
    assert not any("spaces" in text for text in told)
