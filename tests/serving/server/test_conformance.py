"""What a stock client sees, call by call: TensorFlow Serving's status and sentence.

Where ours differs on purpose, the row says why.
"""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.export import warmup

NAME = "kinescribe"
STATES = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def server(serving_of, doubling_model):
    policy = {"kind": "latest", "count": 2}
    return serving_of(doubling_model, 4, 5, version_policy=policy)


@pytest.fixture(scope="module")
def prediction(server, channel_to):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel_to(server))


@pytest.fixture(scope="module")
def models(server, channel_to):
    return model_service_pb2_grpc.ModelServiceStub(channel_to(server))


def predict_request(change=lambda request: None) -> predict_pb2.PredictRequest:
    request = warmup.request(NAME, "", {"x": np.ones((1, 2), np.float32)})
    change(request)
    return request


def reload_request(change=lambda config: None, **model):
    request = model_management_pb2.ReloadConfigRequest()
    change(request.config.model_config_list.config.add(name=NAME, **model))
    return request


def refusal(method, request) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=20)
    return caught.value.code().name, caught.value.details()


PREDICT = [
    (lambda r: r.ClearField("model_spec"), "INVALID_ARGUMENT", "Missing ModelSpec"),
    (
        lambda r: r.model_spec.ClearField("name"),
        "INVALID_ARGUMENT",
        "ModelSpec has no name specified.",
    ),
    (
        lambda r: setattr(r.model_spec, "name", "other"),
        "NOT_FOUND",
        "Servable not found for request: Latest(other)",
    ),
    (
        lambda r: setattr(r.model_spec.version, "value", 3),
        "NOT_FOUND",
        "Servable not found for request: Specific(kinescribe, 3)",
    ),
    (
        lambda r: setattr(r.model_spec, "version_label", "canary"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: canary",
    ),
    (
        lambda r: setattr(r.model_spec, "signature_name", "sing"),
        "FAILED_PRECONDITION",
        'Serving signature key "sing" not found.',
    ),
    (
        lambda r: r.output_filter.append("z"),
        "INVALID_ARGUMENT",
        "outputs rows, y; asked for z",
    ),
    (
        lambda r: r.output_filter.extend(["y", "y"]),
        "INVALID_ARGUMENT",
        "more than once",
    ),
    (lambda r: r.inputs.clear(), "INVALID_ARGUMENT", "must be x; received none"),
    (
        lambda r: r.inputs["z"].CopyFrom(r.inputs["x"]),
        "INVALID_ARGUMENT",
        "received x, z",
    ),
    (
        lambda r: setattr(r.inputs["x"], "dtype", 9),
        "INVALID_ARGUMENT",
        "must be float32; is int64",
    ),
    (
        lambda r: r.inputs["x"].tensor_shape.dim.add(),
        "INVALID_ARGUMENT",
        "must be (None, 2)",
    ),
]


@pytest.mark.parametrize(("change", "code", "sentence"), PREDICT)
def test_predict_refuses_as_tensorflow_serving(prediction, change, code, sentence):
    received, details = refusal(prediction.Predict, predict_request(change))
    assert received == code
    assert sentence in details


def test_predict_serves_the_newest_or_the_version_that_is_asked_for(prediction):
    newest = prediction.Predict(predict_request(), timeout=20)
    assert newest.model_spec.version.value == 5
    assert newest.model_spec.name == NAME
    assert newest.model_spec.signature_name == "serving_default"
    older = predict_request(lambda r: setattr(r.model_spec.version, "value", 4))
    answer = prediction.Predict(older, timeout=20)
    assert answer.model_spec.version.value == 4
    assert list(answer.outputs["y"].float_val) == [2, 2]
    filtered = predict_request(lambda r: r.output_filter.append("rows"))
    assert set(prediction.Predict(filtered, timeout=20).outputs) == {"rows"}


def metadata(*fields, **spec) -> get_model_metadata_pb2.GetModelMetadataRequest:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if spec:
        request.model_spec.MergeFrom(predict_pb2.PredictRequest().model_spec)
        request.model_spec.name = spec["name"]
    return request


def test_metadata_as_tensorflow_serving(prediction):
    method = prediction.GetModelMetadata
    for request, code in (
        (metadata("signature_def"), "INVALID_ARGUMENT"),
        (metadata(name=NAME), "INVALID_ARGUMENT"),
        (metadata("nonsense", name=NAME), "INVALID_ARGUMENT"),
        (metadata("signature_def", name="other"), "NOT_FOUND"),
    ):
        assert refusal(method, request)[0] == code
    twice = method(metadata("signature_def", "signature_def", name=NAME), timeout=20)
    assert list(twice.metadata) == ["signature_def"]
    assert twice.model_spec.version.value == 5


def status(name: str = NAME, version: int | None = None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status_as_tensorflow_serving(models):
    method = models.GetModelStatus
    assert refusal(method, get_model_status_pb2.GetModelStatusRequest()) == (
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    )
    assert refusal(method, status("other"))[0] == "NOT_FOUND"
    assert refusal(method, status(version=9)) == (
        "NOT_FOUND",
        "Could not find version 9 of model kinescribe",
    )
    versions = method(status(), timeout=20).model_version_status
    assert [(v.version, STATES.State.Name(v.state)) for v in versions] == [
        (5, "AVAILABLE"),
        (4, "AVAILABLE"),
    ]
    assert all(v.HasField("status") and v.status.error_code == 0 for v in versions)


def test_a_model_without_versions(serving_of, doubling_model, channel_to):
    empty = serving_of(doubling_model, 20261128051500123456)  # no number of int64
    channel = channel_to(empty)
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    assert refusal(models.GetModelStatus, status()) == (
        "NOT_FOUND",
        "Could not find any versions of model kinescribe",
    )
    # Stock says NOT_FOUND, which clients do not repeat; a version may come any moment.
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    assert refusal(prediction.Predict, predict_request())[0] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda c: setattr(c, "model_platform", "pytorch"), "INVALID_ARGUMENT"),
        (lambda c: setattr(c, "base_path", "/etc"), "INVALID_ARGUMENT"),
        (lambda c: c.version_labels.update({"canary": 9}), "FAILED_PRECONDITION"),
        # Stock would wait for the version, and take the configuration all the same.
        (
            lambda c: c.model_version_policy.specific.versions.append(9),
            "FAILED_PRECONDITION",
        ),
    ],
)
def test_reload_refuses_and_changes_nothing(models, change, code):
    request = reload_request(change)
    assert refusal(models.HandleReloadConfigRequest, request)[0] == code
    versions = models.GetModelStatus(status(), timeout=20).model_version_status
    assert [v.version for v in versions if v.state == STATES.AVAILABLE] == [5, 4]


def test_labels_lead_to_their_versions(models, prediction):
    def label(config):
        config.model_version_policy.latest.num_versions = 2
        config.version_labels.update({"stable": 4, "canary": 5})

    models.HandleReloadConfigRequest(reload_request(label), timeout=20)
    for name, version in (("stable", 4), ("canary", 5)):
        request = predict_request(
            lambda r, name=name: setattr(r.model_spec, "version_label", name)
        )
        answer = prediction.Predict(request, timeout=20)
        assert answer.model_spec.version.value == version
    empty = model_management_pb2.ReloadConfigRequest()
    models.HandleReloadConfigRequest(empty, timeout=20)  # "Taking no action"


def test_what_is_for_classifiers_is_unimplemented(prediction):
    request = classification_pb2.ClassificationRequest()
    for method in (prediction.Classify, prediction.Regress, prediction.MultiInference):
        code, details = refusal(method, request)
        assert code == "UNIMPLEMENTED"
        assert "answers Predict" in details


def test_long_sentences_are_cut_where_tensorflow_serving_cuts(prediction):
    def change(request):
        request.model_spec.name = "x" * 1_000_000

    code, details = refusal(prediction.Predict, predict_request(change))
    assert code == "NOT_FOUND"
    assert len(details) < 1100


def test_a_request_id_comes_back(prediction):
    _, call = prediction.Predict.with_call(
        predict_request(), timeout=20, metadata=(("x-request-id", "mine-7"),)
    )
    assert dict(call.trailing_metadata())["x-request-id"] == "mine-7"
    _, call = prediction.Predict.with_call(predict_request(), timeout=20)
    assert len(dict(call.trailing_metadata())["x-request-id"]) == 32
