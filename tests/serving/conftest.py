from __future__ import annotations

import pathlib
import shutil
import time
from collections.abc import Callable

import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def doubling_model(tmp_path_factory) -> pathlib.Path:
    """A model of one signature: y = 2x + `offset`; refuses negative x."""

    class Doubling(tf.Module):
        def __init__(self):
            super().__init__()
            self.offset = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
        def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            check = tf.debugging.Assert(tf.reduce_all(x >= 0), ["x is negative:", x])
            with tf.control_dependencies([check]):
                return {"y": 2 * x + self.offset, "rows": tf.fill([tf.shape(x)[0]], 1)}

    folder = tmp_path_factory.mktemp("doubling") / "model"
    module = Doubling()
    tf.saved_model.save(module, str(folder), {"serving_default": module.double})
    return folder


@pytest.fixture
def push(tmp_path) -> Callable[[pathlib.Path, int], pathlib.Path]:
    """Pushes a model as a version of `tmp_path/base`, whole at once."""

    def push(model: pathlib.Path, version: int) -> pathlib.Path:
        target = tmp_path / "base" / str(version)
        partial = tmp_path / f"{version}.partial"
        shutil.copytree(model, partial)
        target.parent.mkdir(exist_ok=True)
        partial.rename(target)
        return target

    return push


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits until a claim holds; fails after 20 s."""

    def eventually(claim: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not claim():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.02)

    return eventually
