"""Checkpoints of TensorFlow 1, of both versions."""

import hashlib
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from transform.backbones.formats import tf_checkpoint
from transform.common import weight_files
from transform.common.weight_files import WeightsError

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def write(prefix, version):
    prefix.parent.mkdir(exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("net/conv/w", initializer=KERNEL)
        session.run(variable.initializer)
        saver = tf.compat.v1.train.Saver(write_version=version)
        saver.save(session, str(prefix), write_meta_graph=False)
    return prefix


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    version = tf.compat.v1.train.SaverDef.V2
    return write(tmp_path_factory.mktemp("weights") / "rgb" / "model.ckpt", version)


def test_variables_are_read_by_name(second):
    checkpoint = tf_checkpoint.Checkpoint(second)
    assert list(checkpoint) == ["net/conv/w"]
    np.testing.assert_array_equal(checkpoint["net/conv/w"], KERNEL)
    with pytest.raises(KeyError):
        checkpoint["net/conv/b"]


def test_data_that_were_cut_are_one_sentence(second, tmp_path):
    for path in second.parent.iterdir():
        cut = path.read_bytes()[: 9 if ".data-" in path.name else None]
        (tmp_path / path.name).write_bytes(cut)
    checkpoint = tf_checkpoint.Checkpoint(tmp_path / second.name)
    with pytest.raises(WeightsError, match=r"is damaged: net/conv/w cannot be read"):
        checkpoint["net/conv/w"]


def test_first_version_is_one_file(tmp_path):
    path = write(tmp_path / "model.ckpt", tf.compat.v1.train.SaverDef.V1)
    found = tf_checkpoint.find(str(path), "googlenet")
    assert found == (path, hashlib.sha256(path.read_bytes()).hexdigest())
    checkpoint = tf_checkpoint.Checkpoint(found.path)
    np.testing.assert_array_equal(checkpoint["net/conv/w"], KERNEL)


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_second_version_is_found_by_any_of_its_names(second, ending):
    found = tf_checkpoint.find(f"{second}{ending}", "i3d")
    parts = [f"{second}.index", f"{second}.data-00000-of-00001"]
    content = b"".join(pathlib.Path(part).read_bytes() for part in parts)
    assert found == (second, hashlib.sha256(content).hexdigest())


def test_folder_of_weights_keeps_checkpoints_of_one_name_apart(second, monkeypatch):
    write(second.parents[1] / "flow" / "model.ckpt", tf.compat.v1.train.SaverDef.V2)
    monkeypatch.setenv(weight_files.FOLDER_VARIABLE, str(second.parents[1]))
    for stream in ("rgb", "flow"):
        found = tf_checkpoint.find(f"{stream}/model.ckpt", "i3d").path
        assert found == second.parents[1] / stream / "model.ckpt"


def test_absent_checkpoint_is_answered_with_the_places_looked_at(tmp_path):
    with pytest.raises(WeightsError, match=r"weights of i3d are not at .*x\.ckpt;"):
        tf_checkpoint.find(str(tmp_path / "x.ckpt"), "i3d")


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "model.ckpt"
    path.write_text("weights")
    with pytest.raises(WeightsError, match="is not a checkpoint of TensorFlow"):
        tf_checkpoint.Checkpoint(path)


# --------------------------------------------------------------------------- take


def test_take_names_what_is_missing():
    with pytest.raises(WeightsError, match=r"w\.h5 does not fit i3d: it has no b\."):
        weight_files.read_tensor({"a": KERNEL}, "b", (2, 3), "w.h5", "i3d")


def test_take_names_what_has_another_shape():
    with pytest.raises(WeightsError, match=r"its a has shape \[2, 3\], not \[3, 2\]"):
        weight_files.read_tensor({"a": KERNEL}, "a", (3, 2), "w.h5", "i3d")
