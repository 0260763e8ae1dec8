"""Records are judged before the graph unpacks them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from serving.server.records import RecordJudge
from serving.server.refusals import BadInputError
from transform.records import example_codec
from transform.schema import SPEC_HASH


@pytest.fixture(scope="module")
def judge(spec) -> RecordJudge:
    return RecordJudge(spec)


@pytest.fixture
def changed(make_example):
    """A good record with some of its columns replaced, or taken out by None."""

    def changed(**columns: bytes | list[bytes] | None) -> bytes:
        record = tf.train.Example.FromString(make_example(1))
        for name, values in columns.items():
            record.features.feature[name].Clear()
            for value in [values] if isinstance(values, bytes) else values or []:
                record.features.feature[name].bytes_list.value.append(value)
        return record.SerializeToString()

    return changed


def judged(judge: RecordJudge, *records: bytes) -> list[bytes]:
    return judge.judged(np.array(records, object)).tolist()


def picture(height: int = 64 * 4, width: int = 16, **options) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, **options)
    return file.getvalue()


def test_good_records_pass_as_they_are(judge, make_example, spec):
    records = [make_example(seed, steps) for seed, steps in ((1, 4), (2, 1))]
    for before, after in zip(records, judged(judge, *records), strict=True):
        ours, theirs = (
            example_codec.from_example(tf.train.Example.FromString(data), spec)
            for data in (before, after)
        )
        assert ours.features.keys() == theirs.features.keys() == {"flow", "tiny"}
        for name, values in ours.features.items():
            np.testing.assert_array_equal(values, theirs.features[name])


def test_columns_that_nobody_judged_are_left_out(judge, changed):
    (record,) = judged(judge, changed(bomb=b"x" * 1000))
    assert "bomb" not in tf.train.Example.FromString(record).features.feature


def test_a_clip_may_lack_a_feature_but_not_all(judge, changed):
    assert judged(judge, changed(flow=None))
    with pytest.raises(BadInputError, match="none of the features flow, tiny"):
        judged(judge, changed(flow=None, tiny=b""))


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"flow": picture(format="PNG")}, "flow of row 1 is no JPEG"),
        ({"flow": picture(format="JPEG", progressive=True)}, "no baseline JPEG"),
        ({"flow": picture(height=64 * 5, format="JPEG")}, "is 320 x 16; expected"),
        ({"flow": picture(height=65, format="JPEG")}, "is 65 x 16; expected"),
        ({"flow": picture(width=8, format="JPEG")}, "is 256 x 8; expected"),
        ({"flow": [picture(format="JPEG")] * 2}, "more than one flow"),
        ({"tiny": bytes(511)}, "511 bytes; expected 1 to 4 steps of 512"),
        ({"tiny": bytes(512 * 5)}, "expected 1 to 4 steps of 512"),
        ({"tiny": np.full(256, np.nan, "<f2").tobytes()}, "no finite numbers"),
        ({"tiny": np.full(256, np.inf, "<f2").tobytes()}, "no finite numbers"),
        ({SPEC_HASH: b"other"}, "another specification: expected .* got other"),
        ({SPEC_HASH: None}, "another specification"),
        ({SPEC_HASH: b"\xff" * 100_000}, "another specification"),
    ],
)
def test_what_is_not_of_the_specification_is_refused(
    judge, make_example, changed, columns, fault
):
    with pytest.raises(BadInputError, match=fault) as caught:
        judged(judge, make_example(1), changed(**columns))
    assert len(str(caught.value)) < 1100


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"no record", b"\x0c"])
def test_what_is_no_record_is_refused(judge, data):
    with pytest.raises(BadInputError, match=r"row 0 is no tensorflow.Example"):
        judged(judge, data)
