from __future__ import annotations

import shutil
import socket

import numpy as np
import pytest

from serving.client.grpc_client import Client
from serving.client.local_model import LocalModel
from serving.common.errors import RefusedError, ServingError
from serving.server.config import ServerConfig
from serving.server.server import Server
from transform.schema import SpecMismatchError
from transform.video.video_info import DecodeError


@pytest.fixture(scope="module")
def base(exported, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(exported, base / "1")
    return base


@pytest.fixture(scope="module")
def server(base):
    with Server(ServerConfig(model_base=str(base), port=0)) as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.address) as client:
        yield client


def test_far_and_near_are_the_same(client, exported, make_example, clip):
    near = LocalModel(exported)
    assert client.spec == near.spec
    examples = [make_example(seed, steps=2 + seed % 3) for seed in range(10)]
    pairs = [
        *zip(
            client.caption_examples(examples),
            near.caption_examples(examples),
            strict=True,
        ),
        (client.caption_file(clip), near.caption_file(clip)),
    ]
    for far_result, near_result in pairs:
        assert far_result.captions == near_result.captions
        assert far_result.words == near_result.words
        assert far_result.spec_hash == near_result.spec_hash
        np.testing.assert_allclose(
            far_result.log_probs, near_result.log_probs, rtol=1e-4
        )
        for name, weights in near_result.attention.items():
            np.testing.assert_allclose(
                far_result.attention[name], weights, rtol=1e-3, atol=1e-6
            )


def test_records_of_another_specification_are_refused(
    client, make_example, spec, other_spec
):
    with pytest.raises(SpecMismatchError) as caught:
        client.caption_examples([make_example(1, of=other_spec)])
    assert spec.content_hash in str(caught.value)
    assert other_spec.content_hash in str(caught.value)
    assert client.caption_examples([make_example(1)])


def test_what_is_no_record_is_refused_in_a_sentence(client):
    with pytest.raises(RefusedError, match="refuses: ") as caught:
        client.caption_examples([b"no record"])
    assert "\n" not in str(caught.value)


def test_a_broken_clip_is_said(client, broken_clip):
    with pytest.raises(DecodeError, match=r"broken\.mp4"):
        client.caption_file(broken_clip)


def test_nobody_there_is_said():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Client(f"127.0.0.1:{port}", timeout=20) as client,
        pytest.raises(ServingError, match=r"no server answers at .*kinescribe serve"),
    ):
        client.refresh()


def test_another_models_name_is_said(server):
    with (
        Client(server.address, model_name="other") as client,
        pytest.raises(ServingError, match="has no model 'other'"),
    ):
        client.refresh()


def test_a_new_model_of_another_specification_is_taken_up(
    spec, other_spec, exported, other_exported, tmp_path, push, clip, eventually
):
    push(exported, 1)
    base = str(tmp_path / "base")
    config = ServerConfig(model_base=base, port=0, poll_seconds=0.05)
    with Server(config) as server, Client(server.address) as client:
        assert client.caption_file(clip).spec_hash == spec.content_hash
        push(other_exported, 2)
        eventually(lambda: server.version == 2)
        assert client.caption_file(clip).spec_hash == other_spec.content_hash
