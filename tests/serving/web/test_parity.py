"""One clip by every way to the model: the same caption, with the same score."""

from __future__ import annotations

import base64
import json
import math
import urllib.request

import pytest
import tensorflow as tf
from typer.testing import CliRunner

from components.evaluator import caption_metrics
from components.evaluator.analysis_config import eval_config
from kinescribe.cli import app
from serving.client.grpc_client import Client
from serving.client.local_model import LocalModel
from serving.common import signature_names
from transform.records import tfrecords


@pytest.fixture(scope="module")
def base(exported, tmp_path_factory):
    base = tmp_path_factory.mktemp("parity") / "base"
    base.mkdir()
    (base / "1").symlink_to(exported)
    return base


@pytest.fixture(scope="module")
def record(base, clip):
    model = LocalModel(base)
    return model.to_record(model.extract(clip))


def test_a_clip_has_one_caption_and_one_score(model_server, site, base, record, clip):
    found = {
        "the SavedModel": of_saved_model(base / "1", record),
        "gRPC": of_client(model_server, record),
        "REST": of_rest(model_server, record),
        "the gateway": of_gateway(site, clip),
        "caption --model": of_command(clip, "--model", str(base)),
        "caption --server": of_command(clip, "--server", model_server.address),
    }
    caption, score = found["the SavedModel"]
    assert caption
    assert {name: each[0] for name, each in found.items()} == dict.fromkeys(
        found, caption
    )
    for name, each in found.items():
        assert each[1] == pytest.approx(score, rel=1e-4), name


@pytest.mark.slow
def test_the_evaluator_judges_that_very_caption(base, record, clip, tmp_path):
    import tensorflow_model_analysis as tfma

    model = LocalModel(base)
    records = [record, model.to_record(model.extract(clip, 0.5, 1.2))]
    captions = {}
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        for number, data in enumerate(records):
            (result,) = model.caption_examples([data])
            example = tf.train.Example.FromString(data)
            for name, value in {
                "video_id": f"clip{number}",
                "captions": result.caption,
            }.items():
                example.features.feature[name].bytes_list.value[:] = [value.encode()]
            captions[f"clip{number}"] = [result.caption]
            writer.write(example.SerializeToString())
    assert len(list(tfrecords.records_of(str(tmp_path / "records")))) == 2
    caption_metrics.write_references(str(tmp_path / "references.json"), captions)
    config = tfma.utils.update_eval_config_with_defaults(
        eval_config((), str(tmp_path / "references.json")),
        has_baseline=False,
        rubber_stamp=True,
    )
    shared = tfma.default_eval_shared_model(str(base / "1"), eval_config=config)
    result = tfma.run_model_analysis(
        eval_shared_model=shared,
        eval_config=config,
        data_location=str(tmp_path / "records"),
        output_path=str(tmp_path / "output"),
    )
    ((_, values),) = result.slicing_metrics
    assert values[""][""]["ROUGE-L"]["doubleValue"] == pytest.approx(1.0)
    assert values[""][""]["BLEU-1"]["doubleValue"] == pytest.approx(1.0)


def of_saved_model(folder, record) -> tuple[str, float]:
    signature = tf.saved_model.load(str(folder)).signatures["caption_examples"]
    outputs = signature(examples=tf.constant([record]))
    log_prob = float(outputs[signature_names.LOG_PROBS][0, 0])
    return outputs[signature_names.CAPTION][0].numpy().decode(), log_prob


def of_client(server, record) -> tuple[str, float]:
    with Client(server.address) as client:
        (result,) = client.caption_examples([record])
    return result.caption, result.log_probs[0]


def of_rest(server, record) -> tuple[str, float]:
    row = {"b64": base64.b64encode(record).decode()}
    body = {"signature_name": "caption_examples", "instances": [row]}
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/kinescribe:predict"
    with urllib.request.urlopen(url, json.dumps(body).encode(), 60) as answer:
        (found,) = json.load(answer)["predictions"]
    return found["caption"], found["log_probs"][0]


def of_gateway(site, clip) -> tuple[str, float]:
    answer = site.send(clip)
    assert answer.status_code == 200, answer.text
    best = answer.json()["segments"][0]["captions"][0]
    return best["caption"], best["log_prob"]


def of_command(clip, *words) -> tuple[str, float]:
    outcome = CliRunner().invoke(
        app,
        ["--verbose", "caption", str(clip), "--json", *words],
        standalone_mode=False,
        catch_exceptions=False,
    )
    best = json.loads(outcome.stdout)["captions"][0]
    assert best["probability"] == pytest.approx(math.exp(best["log_prob"]))
    return best["caption"], best["log_prob"]
