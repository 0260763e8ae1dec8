"""`caption_frames`: pictures in, captions out, for callers without TensorFlow."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_models.generation import Greedy
from serving.client.frames_client import FramesClient
from serving.client.local_model import LocalModel
from serving.common import saved_model_ops, signature_names
from serving.common.errors import RefusedError, ServingError
from serving.export.export import export
from serving.export.served_config import ServedConfig
from serving.server.config import ServerConfig
from serving.server.server import Server
from tests.serving.export.test_export import all_ops
from tests.support import blocked, clips
from tests.support.paths import ROOT
from transform.common.config import ConfigError
from transform.records import picture_features
from transform.schema import FeatureSpec, Flow, FrameGrid, LogMel

# Runs where TensorFlow cannot be imported, and says what it was told.
WITHOUT_TENSORFLOW = blocked.program(
    ("tensorflow", "keras", "grpc", "tfx"),
    """
import sys, json
from serving.client.frames_client import FramesClient
client = FramesClient(sys.argv[1])
found = client.caption_file(sys.argv[2])
(record,) = client.caption_examples([sys.stdin.buffer.read()])
print(json.dumps([found.captions, found.log_probs, record.captions]))
""",
)


@pytest.fixture(scope="module")
def framed(captioning_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("framed") / "base" / "1"
    export(captioning_model, folder, Greedy(), ServedConfig(frames=True))
    return folder


@pytest.fixture(scope="module")
def model(framed):
    return LocalModel(framed)


@pytest.fixture(scope="module")
def server(framed):
    config = ServerConfig(model_base=str(framed.parent), port=0, rest_port=0)
    with Server(config) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    return FramesClient(f"http://127.0.0.1:{server.rest_port}")


def picture(size: int, ending: str = ".png", shade: int = 0) -> bytes:
    pixels = np.full((size, size, 3), shade, np.uint8)
    pixels[: size // 2, :, 1] = 200
    return cv2.imencode(ending, pixels)[1].tobytes()


def test_pictures_have_the_captions_that_the_clip_has(client, model, clip):
    found, expected = client.caption_file(clip), model.caption_file(clip)
    assert found.captions == expected.captions
    assert found.words == expected.words
    assert found.log_probs == pytest.approx(expected.log_probs, rel=1e-3)
    assert found.spec_hash == expected.spec_hash
    for name, weights in expected.attention.items():
        np.testing.assert_allclose(found.attention[name], weights, atol=2e-3)
    part = client.caption_file(clip, 0.4, 1.1)
    assert part.captions == model.caption_file(clip, 0.4, 1.1).captions


def test_a_clip_of_fewer_frames_has_fewer_pictures(client, model, tmp_path):
    short = clips.write(tmp_path / "short.mp4", 2)
    found, expected = client.caption_file(short), model.caption_file(short)
    assert found.captions == expected.captions
    assert found.log_probs == pytest.approx(expected.log_probs, rel=1e-3)
    still = tmp_path / "still.png"
    Image.fromarray(clips.picture(3)).save(still)  # it has no flow
    assert client.caption_file(still).captions == model.caption_file(still).captions


def test_jpegs_are_nearly_as_good(server, model, clip):
    client = FramesClient(f"http://127.0.0.1:{server.rest_port}", pictures="jpeg")
    found, expected = client.caption_file(clip), model.caption_file(clip)
    assert found.log_probs[0] == pytest.approx(expected.log_probs[0], rel=0.1)


def test_stock_tensorflow_gives_the_same(framed, client, spec):
    frames = [picture(32, shade=50 * n) for n in range(4)]
    (found,) = client.caption_frames([frames], [{}])
    signature = tf.saved_model.load(str(framed)).signatures["caption_frames"]
    outputs = signature(
        frames=tf.constant([frames]),
        flow=tf.constant([b""]),
        spec_hash=tf.constant([spec.content_hash]),
    )
    captions = [each.decode() for each in outputs["captions"][0].numpy()]
    assert found.captions == tuple(captions)


def test_the_graph_has_core_ops_that_touch_nothing(framed):
    assert not [op for op in all_ops(framed) if ">" in op]
    saved_model_ops.check_ops(str(framed))


def test_nothing_of_it_needs_tensorflow(server, model, clip, make_example):
    record = make_example(1)
    said = subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_TENSORFLOW),
            *(f"http://127.0.0.1:{server.rest_port}", str(clip)),
        ],
        input=record,
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    captions, log_probs, of_record = json.loads(said.stdout)
    expected = model.caption_file(clip)
    assert tuple(captions) == expected.captions
    assert log_probs == pytest.approx(expected.log_probs, rel=1e-3)
    assert tuple(of_record) == model.caption_examples([record])[0].captions


def progressive(size: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size)).save(file, "JPEG", progressive=True)
    return file.getvalue()


def gif(size: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size)).save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([b"", b""], "row 0 has no picture"),
        ([picture(32), picture(64)], r"picture 1 of row 0 is 64 x 64; expected 32"),
        ([progressive(32)], "picture 0 of row 0 is no baseline JPEG in colour"),
        ([gif(32)], "picture 0 of row 0 is no JPEG"),
        ([cv2.imencode(".jpg", np.zeros((32, 32)))[1].tobytes()], "JPEG in colour"),
        ([b"\xff\xd8"], "is a damaged JPEG"),
        ([picture(32)[:40]], "is a damaged PNG"),
        ([picture(32)] * 5, "must be"),
    ],
)
def test_other_pictures_are_refused_before_they_are_unpacked(client, frames, sentence):
    with pytest.raises(RefusedError, match=sentence):
        client.caption_frames([frames], [{}])


def test_other_flow_and_another_specification_are_refused(client, spec):
    with pytest.raises(RefusedError, match="feature flow of row 0 is no JPEG"):
        client.caption_frames([[picture(32)]], [{"flow": b"x"}])
    inputs = {
        "frames": [[picture(32)] * 4],
        "flow": [b""],
        "spec_hash": [b"of another"],
    }
    with pytest.raises(RefusedError, match="Features of another specification"):
        client.predict("caption_frames", inputs)


def test_a_picture_that_ends_early_harms_its_own_call_alone(client):
    whole = picture(32, ".jpg")
    cut = whole[: len(whole) * 2 // 3]
    with pytest.raises(ServingError):
        client.caption_frames([[b"\x89PNG" + whole]], [{}])
    try:
        client.caption_frames([[cut]], [{}])
    except ServingError as error:
        assert "Traceback" not in str(error)
    assert client.caption_frames([[whole]], [{}])[0].captions


def test_a_new_model_of_another_specification_is_taken_up(
    framed, other_model, spec, other_spec, tmp_path, push, clip, eventually
):
    push(framed, 1)
    other = tmp_path / "other"
    export(other_model, other, Greedy(), ServedConfig(frames=True))
    config = ServerConfig(
        model_base=str(tmp_path / "base"), port=0, rest_port=0, poll_seconds=0.05
    )
    with Server(config) as server:
        client = FramesClient(f"http://127.0.0.1:{server.rest_port}")
        assert client.caption_file(clip).spec_hash == spec.content_hash
        push(other, 2)
        eventually(lambda: server.version == 2)
        assert client.caption_file(clip).spec_hash == other_spec.content_hash


def test_nobody_there_is_said():
    client = FramesClient("http://127.0.0.1:9", attempts=2)
    with pytest.raises(ServingError, match=r"no server answers at http://127.0.0.1:9"):
        client.caption_examples([b""])


GRID = {"network": "tiny", "layer": "grid", "size": 32, "grid": (2, 2), "width": 64}


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ((Flow(size=16),), "for models that read a network's maps"),
        ((FrameGrid(name="a", **GRID), LogMel()), "neither a map of key frames"),
        (
            (
                FrameGrid(name="a", **GRID),
                FrameGrid(name="b", **{**GRID, "size": 64, "grid": (4, 4)}),
            ),
            "of two networks, or of pictures of two sizes",
        ),
        (
            (
                FrameGrid(
                    name="a", **GRID, at={"kind": "every", "frames": 2, "max_steps": 9}
                ),
            ),
            "not made at the key frames",
        ),
    ],
)
def test_a_specification_that_does_not_allow_it_is_told(features, sentence):
    with pytest.raises(ConfigError, match=sentence):
        picture_features.maps_of(FeatureSpec(features=features))


def test_stock_clients_need_base64_alone(server, spec):
    """What a program in any language would send."""
    import urllib.request

    encoded = base64.b64encode(picture(32)).decode()
    row = {
        signature_names.FRAMES: [{"b64": encoded}] * 4,
        "flow": {"b64": ""},
        "spec_hash": spec.content_hash,
    }
    body = {"signature_name": "caption_frames", "instances": [row]}
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/kinescribe:predict"
    with urllib.request.urlopen(url, json.dumps(body).encode(), 60) as answer:
        (found,) = json.load(answer)["predictions"]
    assert found["caption"] == found["captions"][0] and found["caption"]
