from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from serving.server.config import LimitsConfig
from serving.server.refusals import BadInputError
from serving.server.rest_json import parse

X = {"x": tf.TensorSpec([None, 2], tf.float32)}
NAMES = {"name": tf.TensorSpec([None], tf.string)}
BOTH = {**X, "n": tf.TensorSpec([None], tf.int32)}
LIMITS = LimitsConfig(request_rows=8, message_bytes=1024)


def inputs(body: object, expected=X) -> dict[str, list]:
    arrays = parse(json.dumps(body).encode()).inputs(expected, LIMITS)
    return {name: array.tolist() for name, array in arrays.items()}


def test_rows_and_columns_say_the_same():
    assert inputs({"instances": [[1, 2], [3, 4.5]]}) == {"x": [[1, 2], [3, 4.5]]}
    assert inputs({"inputs": [[1, 2], [3, 4.5]]}) == {"x": [[1, 2], [3, 4.5]]}
    expected = {"x": [[1, 2], [3, 4]], "n": [5, 6]}
    rows = [{"x": [1, 2], "n": 5}, {"x": [3, 4], "n": 6}]
    assert inputs({"instances": rows}, BOTH) == expected
    assert inputs({"inputs": expected}, BOTH) == expected


def test_strings_are_text_or_base64():
    instances = ["é", {"b64": "/9j/"}]
    expected = {"name": ["é".encode(), b"\xff\xd8\xff"]}
    assert inputs({"instances": instances}, NAMES) == expected
    assert inputs({"inputs": {"name": instances}}, NAMES) == expected
    assert inputs({"inputs": [{"b64": "AA=="}]}, NAMES) == {"name": [b"\0"]}


@pytest.mark.parametrize(
    ("body", "expected", "sentence"),
    [
        ({}, X, "'instances' or 'inputs'"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, X, "one of them; it has 2"),
        ([1], X, "must be an object"),
        ({"instances": []}, X, "at least one row"),
        ({"instances": 5}, X, "at least one row"),
        ({"instances": [[1, 2]], "signature_name": 5}, X, "must be a string"),
        ({"instances": [[1, 2], [3]]}, X, "different sizes"),
        ({"instances": [[1, 2], 3]}, X, "different sizes"),
        ({"inputs": [[1, [2]]]}, X, "different depths"),
        ({"instances": [[1, 2, 3]]}, X, r"must be \(None, 2\); is \(1, 3\)"),
        ({"instances": [["a", 2]]}, X, "a is not of expected type: float32"),
        ({"instances": [[True, 2]]}, X, "True is not of expected type"),
        ({"instances": [[1e39, 2]]}, X, "without loss of precision"),
        ({"instances": [[1, 2]] * 9}, X, "1 to 8 rows"),
        ({"instances": [[1, 2]]}, BOTH, "inputs must be named: n, x"),
        ({"instances": [{"x": [1, 2]}]}, BOTH, "inputs must be n, x; received x"),
        ({"instances": [{"x": [1, 2], "n": 1.5}]}, BOTH, "expected type: int32"),
        ({"instances": [{"x": [1, 2], "n": 2**31}]}, BOTH, "without loss"),
        ({"instances": [{"x": [1, 2], "n": 1}, {"x": [1, 2]}]}, BOTH, "same inputs"),
        ({"instances": [{"b64": "!"}]}, NAMES, "Unable to base64 decode"),
        ({"instances": [{"b64": 5}]}, NAMES, "Unable to base64 decode"),
        ({"instances": [5]}, NAMES, "expected type: string"),
    ],
)
def test_what_does_not_fit_is_said(body, expected, sentence):
    with pytest.raises(BadInputError, match=sentence):
        inputs(body, expected)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"inputs": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_is_said(body):
    with pytest.raises(BadInputError):
        parse(body).inputs(X, LIMITS)


def test_answers_come_in_the_form_of_the_request():
    outputs = {
        "y": np.array([0.1, np.nan], np.float32),
        "text": np.array([b"a", "é".encode()], object),
        "raw_bytes": np.array([b"\xff", b""], object),
    }
    rows = json.loads(parse(b'{"instances": []}').answer(outputs))["predictions"]
    assert rows[0] == {"y": 0.1, "text": "a", "raw_bytes": {"b64": "/w=="}}
    columns = json.loads(parse(b'{"inputs": []}').answer(outputs))["outputs"]
    assert columns["text"] == ["a", "é"]
    one = {"y": outputs["y"][:1]}
    assert parse(b'{"instances": []}').answer(one) == b'{"predictions": [0.1]}'
    assert parse(b'{"inputs": []}').answer(one) == b'{"outputs": [0.1]}'
    uneven = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(BadInputError, match="no rows in common"):
        parse(b'{"instances": []}').answer(uneven)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda items: (
        st.lists(items, max_size=4)
        | st.dictionaries(st.sampled_from(["x", "n", "b64", "a"]), items, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["instances", "inputs"]), JSON, st.sampled_from([X, NAMES, BOTH])
)
def test_no_body_does_worse_than_a_refusal(form, value, expected):
    try:
        arrays = inputs({form: value}, expected)
    except BadInputError:
        return
    assert arrays.keys() == expected.keys()
