"""A model that could touch files is refused before any of it has run."""

from __future__ import annotations

import pytest
import tensorflow as tf

from serving.client.local_model import LocalModel
from serving.common import saved_model_ops
from serving.common.errors import ServingError

SPEC = [tf.TensorSpec([None], tf.string, "x")]


def saved(folder, function, **resources) -> str:
    module = tf.Module()
    module.serve = tf.function(function, input_signature=SPEC)
    for name, value in resources.items():
        setattr(module, name, value)
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
    return str(folder)


def in_a_branch(x):
    return tf.cond(tf.size(x) > 3, lambda: tf.io.read_file("/etc/passwd"), lambda: "")


def in_a_loop(x):
    def body(item):
        return tf.io.read_file(item)

    return tf.map_fn(body, x)


def in_an_inner_function(x):
    @tf.function
    def inner(y):
        tf.io.write_file("/tmp/never-written", y[0])
        return y

    return inner(x)


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda x: tf.map_fn(tf.io.read_file, x), "ReadFile"),
        (in_a_branch, "ReadFile"),
        (in_a_loop, "ReadFile"),
        (in_an_inner_function, "WriteFile"),
        (lambda x: tf.io.matching_files(x), "MatchingFiles"),
        (lambda x: tf.numpy_function(lambda y: y, [x], tf.string), "PyFunc"),
        (
            lambda x: (
                tf.raw_ops.DecodeProtoV2(
                    bytes=x,
                    message_type="a.B",
                    field_names=[],
                    output_types=[],
                    descriptor_source="/etc/passwd",
                ).sizes
            ),
            "DecodeProtoV2",
        ),
    ],
)
def test_ops_that_reach_out_of_the_graph_are_found_wherever_they_are(
    tmp_path, function, op
):
    folder = saved(tmp_path / "model", function)
    with pytest.raises(ServingError, match=rf"uses .*{op}.*--allow-any-ops"):
        saved_model_ops.check_ops(folder)


def test_what_runs_while_a_model_is_loaded_is_found(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(names), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        ),
        -1,
    )
    folder = saved(tmp_path / "model", lambda x: table.lookup(x), table=table)
    with pytest.raises(ServingError, match="InitializeTableFromTextFile"):
        saved_model_ops.check_ops(folder)


def test_captioners_need_no_such_op(exported, two_pass_model, doubling_model):
    for folder in (exported, two_pass_model, doubling_model):
        saved_model_ops.check_ops(str(folder))


def test_a_local_model_is_judged_as_well(tmp_path, exported):
    import shutil

    folder = tmp_path / "evil"
    saved(folder, in_a_branch)
    shutil.copytree(exported / "assets", folder / "assets", dirs_exist_ok=True)
    with pytest.raises(ServingError, match="ReadFile"):
        LocalModel(folder)


def test_a_damaged_graph_is_said(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(
        ServingError, match=r"cannot be loaded: saved_model.pb is damaged"
    ):
        saved_model_ops.check_ops(str(tmp_path))
