import io
import pathlib

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.common.config import ConfigError
from transform.datasets import VideoRecord
from transform.jobs import import_readers
from transform.jobs.import_readers import AbsentFeature, ImportProblem
from transform.schema import FrameSampling, Imported

CLIP = VideoRecord("clip7", "videos/abc_1_5.avi", "val", ())
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def feature(files: dict, shape=(3,), max_steps=4) -> Imported:
    return Imported.from_dict(
        {"name": "c3d", "shape": shape, "max_steps": max_steps, "files": files}
    )


def npy(folder: pathlib.Path, values: object, **settings) -> dict:
    np.save(folder / "clip7.npy", values)
    return {"kind": "npy", "file": f"{folder}/{{video_id}}.npy", **settings}


def npz(folder: pathlib.Path, arrays: dict, **settings) -> dict:
    np.savez(folder / "abc_1_5.npz", **arrays)
    return {"kind": "npz", "file": f"{folder}/{{stem}}.npz", **settings}


def h5(folder: pathlib.Path, sets: dict, **settings) -> dict:
    with h5py.File(folder / "val.h5", "w") as file:
        for name, values in sets.items():
            file[name] = values
    return {"kind": "h5", "file": f"{folder}/{{split}}.h5", **settings}


# ------------------------------------------------------------------- what is understood


@pytest.mark.parametrize(
    ("write", "content", "settings"),
    [
        (npy, VALUES, {}),
        (npy, VALUES.astype(np.float64), {}),
        (npy, VALUES.astype(">i4"), {}),
        (npy, np.asfortranarray(VALUES), {}),
        (npy, VALUES[None, None], {}),  # a batch of one, as some publish
        (npy, VALUES.T, {"axes": [1, 0]}),
        (npz, {"only": VALUES}, {}),
        (npz, {"other": VALUES[:1], "this": VALUES}, {"key": "this"}),
        (h5, {"clip7": VALUES, "clip8": VALUES[:1]}, {}),
        (h5, {"abc_1_5/c3d": VALUES}, {"dataset": "{stem}/c3d"}),
    ],
)
def test_every_kind_of_file_gives_the_same_halves(tmp_path, write, content, settings):
    found = import_readers.read(feature(write(tmp_path, content, **settings)), CLIP)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, VALUES)


def test_a_vector_is_one_step_and_so_is_a_map_without_time(tmp_path):
    found = import_readers.read(feature(npy(tmp_path, VALUES[0])), CLIP)
    np.testing.assert_array_equal(found, VALUES[:1])
    found = import_readers.read(feature(npy(tmp_path, VALUES), shape=(2, 3)), CLIP)
    np.testing.assert_array_equal(found, VALUES[None])


def test_channels_before_rows_and_columns_are_moved_behind_them(tmp_path):
    maps = np.arange(2 * 5 * 3 * 4).reshape(2, 5, 3, 4)  # (T, D, rows, columns)
    files = npy(tmp_path, maps, axes=[0, 2, 3, 1])
    found = import_readers.read(feature(files, shape=(3, 4, 5)), CLIP)
    np.testing.assert_array_equal(found, np.moveaxis(maps, 1, -1))


@given(steps=st.integers(1, 40), limit=st.integers(1, 20))
def test_steps_are_thinned_as_key_frames_are_chosen(steps, limit):
    values = np.arange(steps, dtype=np.float16)[:, None]
    described = feature({"kind": "npy", "file": "{video_id}"}, (1,), limit)
    found = import_readers._limited(values, described, described.files)
    chosen = FrameSampling(frames=limit).key_frames(steps)
    np.testing.assert_array_equal(found[:, 0], chosen)


def test_the_first_steps_are_kept_where_that_is_the_rule(tmp_path):
    files = npy(tmp_path, np.arange(9)[:, None], too_many={"kind": "first"})
    found = import_readers.read(feature(files, (1,), 4), CLIP)
    np.testing.assert_array_equal(found[:, 0], [0, 1, 2, 3])


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_files_may_lie_on_any_file_system_that_tensorflow_knows(tmp_path, kind):
    write = {"npy": npy, "npz": npz, "h5": h5}[kind]
    files = write(tmp_path, VALUES if kind == "npy" else {"clip7": VALUES})
    [local] = import_readers.paths(feature(files), CLIP)
    away = files["file"].replace(str(tmp_path), f"ram://{kind}")
    tf.io.gfile.copy(local, local.replace(str(tmp_path), f"ram://{kind}"))
    found = import_readers.read(feature({**files, "file": away}), CLIP)
    np.testing.assert_array_equal(found, VALUES)
    with pytest.raises(AbsentFeature, match=r"there is no ram://elsewhere"):
        import_readers.read(
            feature({**files, "file": "ram://elsewhere/{video_id}"}), CLIP
        )


# ------------------------------------------------------------------------ what is wrong

NPY = r"c3d: .*/\{video_id\}\.npy "


@pytest.mark.parametrize(
    ("write", "content", "settings", "reason"),
    [
        (npy, np.zeros((2, 4)), {}, NPY + r"has shape \(…, 4\), but \(steps, 3\) is"),
        (npy, np.zeros((2, 2, 3)), {}, NPY + r"has shape \(…, 2, 3\), but"),
        (npy, np.zeros(4), {}, NPY + r"has shape \(4,\), but"),
        (npy, np.float32(3), {}, NPY + r"has shape \(\), but"),
        (npy, VALUES, {"axes": [0, 2, 1]}, NPY + r".*, but files\.axes orders 3 axes"),
        (npy, np.full((2, 3), np.nan), {}, r"^c3d: it has values that are not finite$"),
        (npy, np.full((2, 3), -np.inf), {}, r"^c3d: it has values that are not finite"),
        (npy, np.full((2, 3), 1e5), {}, r"^c3d: it has values beyond ±65,504, which"),
        (npy, np.full((2, 3), 1j), {}, NPY + r"holds complex128, not numbers"),
        (npy, np.array([["a"]]), {}, NPY + r"holds <U1, not numbers"),
        (npy, {"a": 1}, {}, NPY + r"is damaged, or no \.npy file of numbers"),
        (npy, np.zeros((9, 3)), {"too_many": {"kind": "refuse"}}, r"more than 4 steps"),
        (npz, {"a": VALUES, "b": VALUES}, {}, r"has the arrays a, b: name one by"),
        (npz, {}, {}, r"has the arrays \(none\): name one by files\.key"),
        (h5, {"clip7/a": VALUES, "clip7/b": VALUES}, {}, r"is a group, of a, b: name"),
        (h5, {"clip7": "text"}, {}, r"\{split\}\.h5 holds .*, not numbers"),
    ],
)
def test_what_cannot_be_used_has_a_reason_without_the_clip(
    tmp_path, write, content, settings, reason
):
    with pytest.raises(ImportProblem, match=reason) as caught:
        import_readers.read(feature(write(tmp_path, content, **settings)), CLIP)
    assert not isinstance(caught.value, AbsentFeature)
    assert "clip7" not in str(caught.value)


@pytest.mark.parametrize(
    ("write", "content", "settings", "reason"),
    [
        (npy, np.zeros((0, 3)), {}, NPY + "has no step"),
        (npz, {"a": VALUES}, {"key": "b"}, r"\{stem\}\.npz has no array b"),
        (h5, {"clip8": VALUES}, {}, r"\{split\}\.h5 has no data set \{video_id\}"),
    ],
)
def test_what_is_not_there_is_told_apart(tmp_path, write, content, settings, reason):
    with pytest.raises(AbsentFeature, match=reason):
        import_readers.read(feature(write(tmp_path, content, **settings)), CLIP)


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_a_missing_file_is_absent_and_text_or_a_folder_is_not(tmp_path, kind):
    files = {"kind": kind, "file": f"{tmp_path}/{{video_id}}"}
    with pytest.raises(AbsentFeature, match=r"^c3d: there is no .*/\{video_id\}$"):
        import_readers.read(feature(files), CLIP)
    for content in (b"", b"not numbers\n" * 40):
        (tmp_path / "clip7").write_bytes(content)
        with pytest.raises(ImportProblem, match="is damaged, or no"):
            import_readers.read(feature(files), CLIP)
    (tmp_path / "clip7").unlink()
    (tmp_path / "clip7").mkdir()
    with pytest.raises(ImportProblem, match=r"is damaged, or no|cannot be read"):
        import_readers.read(feature(files), CLIP)


def _bytes(kind: str) -> bytes:
    data = io.BytesIO()
    values = np.ones((2, 3), np.float32)
    if kind == "npy":
        np.save(data, values)
    elif kind == "npz":
        np.savez(data, clip7=values)
    else:
        with h5py.File(data, "w") as file:
            file.create_dataset("clip7", data=values, chunks=True, compression="gzip")
    return data.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_damaged_files_give_numbers_or_a_reason(tmp_path_factory, kind, data):
    content = bytearray(_bytes(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "clip7").write_bytes(content[: end or None])
    try:
        found = import_readers.read(
            feature({"kind": kind, "file": f"{folder}/{{video_id}}"}), CLIP
        )
    except ImportProblem as error:
        assert str(error).startswith("c3d: ")
    else:
        assert found.shape[1:] == (3,) and np.isfinite(found).all()


# ----------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"kind": "npy", "file": "a.npy"}, r"must have \{video_id\} or \{stem\}"),
        ({"kind": "npy", "file": "{id}.npy"}, r"\{id\} is unknown; there are \{video"),
        ({"kind": "npy", "file": "{video_id.x}"}, r"\{video_id\.x\} is unknown"),
        ({"kind": "npy", "file": "{video_id!r}"}, r"\{video_id\} is unknown"),
        ({"kind": "npy", "file": "{stem"}, "its braces do not match"),
        ({"kind": "h5", "file": "a.h5", "dataset": "x"}, "to tell clips apart"),
        ({"kind": "pt", "file": "a"}, r"files .*allowed values: 'npy', 'npz', 'h5'"),
        ({"kind": "npy", "file": "{stem}", "axes": [0, 0]}, "must be named once"),
        ({"kind": "npy", "file": "{stem}", "key": "a"}, "unknown key files.key"),
    ],
)
def test_wrong_settings_are_one_sentence(files, sentence):
    with pytest.raises(ConfigError, match=sentence):
        feature(files)


def test_files_of_one_name_for_several_videos_are_refused():
    clips = [
        CLIP,
        VideoRecord("part", CLIP.uri, "val", (), "", 5.0, 9.0),  # of the same video
        VideoRecord("other", "more/abc_1_5.mp4", "val", ()),
    ]
    by_stem = {"kind": "npy", "file": "f/{stem}.npy"}
    import_readers.check_names(feature(by_stem), clips[:2])
    import_readers.check_names(feature({"kind": "npy", "file": "{video_id}"}), clips)
    inside = {"kind": "h5", "file": "all.h5", "dataset": "{stem}"}
    for files in (by_stem, inside):
        with pytest.raises(ConfigError, match="'clip7' and of 'other'"):
            import_readers.check_names(feature(files), clips)
