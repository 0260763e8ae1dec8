"""Models, records and clips that the tests of serving share."""

from __future__ import annotations

import pathlib
import shutil
import time
from collections.abc import Callable

import av
import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import BeamSearch, Greedy
from keras_models.presets import registry
from serving.client.local_model import LocalModel
from serving.export.export import export
from tests.support import tiny
from transform.records import example_codec
from transform.records.vocabulary import Vocabulary
from transform.schema import Category, FeatureSpec, Flow, FrameGrid, FrameSampling


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


WORDS = ("a", "the", "ball", "cube", "red", "blue", "rolls", "spins", "and", "stops")


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    return FeatureSpec(
        sampling=FrameSampling(frames=4, window=3),
        features=(
            Flow(size=16),
            FrameGrid(
                name="tiny",
                network="tiny",
                layer="grid",
                size=32,
                grid=(2, 2),
                width=64,
                weights="random",
                weights_sha256="random",
            ),
        ),
    )


@pytest.fixture(scope="session")
def other_spec(spec) -> FeatureSpec:
    """Of records of the same shapes that are made in another way."""
    return spec.override({"sampling": {"resize": "area"}})


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary(WORDS)


@pytest.fixture(scope="session")
def captioner(spec, vocabulary) -> Captioner:
    """An untrained model small enough for every test, sure enough to be told apart."""
    config = registry.get("mgsa").model.override(
        {
            "encoder": {"grid": "tiny", "spatial": {"channels": [4, 4]}},
            "attentions": [{"kind": "additive", "units": 8}],
            "decoder": {"units": 40, "embedding": 8},
        }
    )
    captioner = Captioner(config, spec, len(vocabulary), max_words=6)
    captioner.build_from_spec()
    random = np.random.default_rng(7)
    for weight in captioner.trainable_variables:
        if weight.shape.rank > 1:  # biases would drown the rest
            weight.assign(1.5 * random.normal(size=weight.shape))
    return captioner


@pytest.fixture(scope="session")
def captioning_model(captioner, vocabulary) -> CaptioningModel[Captioner]:
    return CaptioningModel(captioner, vocabulary)


@pytest.fixture(scope="session")
def exported(captioning_model, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    export(captioning_model, folder, BeamSearch(width=3, n_best=2))
    return folder


@pytest.fixture(scope="session")
def other_model(captioner, vocabulary, other_spec) -> CaptioningModel[Captioner]:
    """The same model for records of `other_spec`."""
    other = Captioner(captioner.config, other_spec, len(vocabulary), max_words=6)
    other.build_from_spec().set_weights(captioner.get_weights())
    return CaptioningModel(other, vocabulary)


@pytest.fixture(scope="session")
def other_exported(other_model, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("other_exported") / "model"
    export(other_model, folder, Greedy())
    return folder


@pytest.fixture(scope="session")
def category_model(spec, vocabulary, tmp_path_factory) -> LocalModel:
    """A model that reads what a clip is about."""
    of_category = FeatureSpec(
        sampling=spec.sampling,
        features=(*spec.features, Category(names=("animals", "music"))),
    )
    config = registry.get("mgsa").model.override(
        {
            "encoder": {
                "grid": "tiny",
                "spatial": {"channels": [4, 4]},
                "fused": [{"kind": "clip_mean", "feature": "category"}],
            },
            "attentions": [{"kind": "additive", "units": 8}],
            "decoder": {"units": 16, "embedding": 8},
        }
    )
    captioner = Captioner(config, of_category, len(vocabulary), max_words=6)
    captioner.build_from_spec()
    folder = tmp_path_factory.mktemp("of_category") / "model"
    export(CaptioningModel(captioner, vocabulary), folder, Greedy())
    return LocalModel(folder)


@pytest.fixture(scope="session")
def two_pass_captioner(spec, vocabulary) -> Captioner:
    """A model of VRE, whose two passes say different things."""
    config = tiny.shrink(registry.get("vre_silent").model).override(
        {"encoder": {"inputs": {"grid": "tiny"}}}
    )
    captioner = Captioner(config, spec, len(vocabulary), max_words=6)
    captioner.build_from_spec()
    random = np.random.default_rng(3)
    for weight in captioner.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return captioner


@pytest.fixture(scope="session")
def two_pass_model(two_pass_captioner, vocabulary, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("two_passes") / "model"
    model = CaptioningModel(two_pass_captioner, vocabulary)
    export(model, folder, BeamSearch(width=3, n_best=2))
    return folder


@pytest.fixture(scope="session")
def clip_features(spec) -> Callable[[int, int], dict[str, np.ndarray]]:
    """Features of an invented clip of some steps, by its seed."""

    def clip_features(seed: int, steps: int = 4) -> dict[str, np.ndarray]:
        random = np.random.default_rng(seed)
        return {
            "flow": random.integers(0, 256, (steps, 16, 16, 4), np.uint8),
            "tiny": random.random((steps, 2, 2, 64)).astype(np.float16),
        }

    return clip_features


@pytest.fixture(scope="session")
def make_example(spec, clip_features) -> Callable[..., bytes]:
    """The record of `clip_features`."""

    def make_example(seed: int, steps: int = 4, of: FeatureSpec = spec) -> bytes:
        video = example_codec.VideoExample(str(seed), (), clip_features(seed, steps))
        return example_codec.to_example(video, of).SerializeToString()

    return make_example


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> pathlib.Path:
    """A real mp4 of 24 frames: a square that moves over noise."""
    path = tmp_path_factory.mktemp("clips") / "square.mp4"
    random = np.random.default_rng(5)
    noise = random.integers(0, 90, (48, 64, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(24):
            image = noise.copy()
            image[10:30, 2 * number : 2 * number + 12] = (220, 40, 30)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def broken_clip(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("clips") / "broken.mp4"
    path.write_text("no video at all")
    return path
