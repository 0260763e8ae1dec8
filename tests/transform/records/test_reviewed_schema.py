import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tests.support.component_records import SPEC, write_records
from transform.common.errors import KinescribeError
from transform.records import reviewed_schema
from transform.records.metadata_schema import described, schema_for

OTHER = SPEC.override({"sampling": {"frames": 4}})


def edited(edit, spec=SPEC):
    """Returns the text of a schema after somebody has worked on it."""
    schema = text_format.Parse(reviewed_schema.written(spec), schema_pb2.Schema())
    features = {feature.name: feature for feature in schema.feature}
    edit(schema, features)
    return text_format.MessageToString(schema)


def test_what_is_written_is_the_derived_schema_and_is_taken_back():
    text = reviewed_schema.written(SPEC)
    assert text.startswith("# What the records may hold.")
    assert reviewed_schema.parse(text, SPEC, "x.pbtxt") == schema_for(SPEC)


def test_what_a_person_narrowed_is_an_anomaly_of_records_beyond_it(tmp_path):
    def narrow(schema, features):
        features["category"].string_domain.value.append("cube")

    reviewed = reviewed_schema.parse(edited(narrow), SPEC, "x.pbtxt")
    write_records(tmp_path / "records")
    options = tfdv.StatsOptions(feature_allowlist=list(described(SPEC)))
    statistics = tfdv.generate_statistics_from_tfrecord(
        str(tmp_path / "records"), stats_options=options
    )
    found = tfdv.validate_statistics(statistics, reviewed).anomaly_info
    assert list(found) == ["category"]


def renamed(schema, features):
    features["flow"].name = "flaw"


def retyped(schema, features):
    features["captions"].type = schema_pb2.INT


def without_captions(schema, features):
    schema.feature.remove(features["captions"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("feature {\n  nam: 'x'\n}", r'x.pbtxt is no schema .*: at 2:3 : .* "nam"\.$'),
        ("\0", "x.pbtxt is no schema of TensorFlow Metadata: at 1:1 "),
        ("", "x.pbtxt does not describe video_id, which is in every record"),
        (edited(renamed), "describes 'flaw', which is in no record of these features"),
        (edited(retyped), "has captions as INT, but records hold BYTES"),
        (edited(without_captions), "does not describe captions"),
        (
            reviewed_schema.written(OTHER),
            f"{OTHER.content_hash}, but these are of {SPEC.content_hash}: write it",
        ),
    ],
)
def test_a_damaged_or_wrong_file_is_one_sentence(text, sentence):
    with pytest.raises(KinescribeError, match=sentence) as caught:
        reviewed_schema.parse(text, SPEC, "x.pbtxt")
    assert "\n" not in str(caught.value)
