import tensorflow_data_validation as tfdv
from tfx.types import standard_artifacts

from components.curated_schema import component
from tests.support.component_records import SPEC, write_records
from transform.records import reviewed_schema
from transform.records.metadata_schema import described, schema_for
from transform.schema import Category


def anomalies_of(path):
    options = tfdv.StatsOptions(feature_allowlist=list(described(SPEC)))
    statistics = tfdv.generate_statistics_from_tfrecord(
        str(path), stats_options=options
    )
    schema = schema_for(SPEC)
    return tfdv.validate_statistics(statistics, schema).anomaly_info


def test_component_writes_the_schema_that_tfdv_reads(tmp_path):
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri = schema.uri = str(tmp_path)
    (tmp_path / "feature_spec.json").write_text(SPEC.to_json())
    component.CuratedSchema.test_call(examples=examples, schema=schema)
    read = tfdv.load_schema_text(str(tmp_path / "schema.pbtxt"))
    assert read == schema_for(SPEC)
    assert {feature.name for feature in read.feature} == {
        *described(SPEC),
        "flow",
        "grid",
    }


def test_a_reviewed_schema_takes_the_derived_ones_place(tmp_path):
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri = schema.uri = str(tmp_path)
    (tmp_path / "feature_spec.json").write_text(SPEC.to_json())
    text = reviewed_schema.written(SPEC).replace(
        'name: "video_id"', 'name: "video_id"\n lifecycle_stage: BETA'
    )
    component.CuratedSchema.test_call(
        examples=examples, schema=schema, reviewed=text, name="mine.pbtxt"
    )
    read = tfdv.load_schema_text(str(tmp_path / "schema.pbtxt"))
    assert read == reviewed_schema.parse(text, SPEC, "mine.pbtxt") != schema_for(SPEC)


def test_category_stands_in_the_schema_once():
    spec = SPEC.replace(features=(*SPEC.features, Category(names=("a", "b"))))
    found = [feature.name for feature in schema_for(spec).feature]
    assert found == [*described(SPEC), "flow", "grid"]


def test_records_of_the_specification_have_no_anomalies(tmp_path):
    path = tmp_path / "records"
    write_records(path)
    assert not anomalies_of(path)


def test_records_of_another_specification_are_an_anomaly(tmp_path):
    other = SPEC.override({"sampling": {"frames": 4}})
    path = tmp_path / "records"
    write_records(path, other, clips=2)
    assert list(anomalies_of(path)) == ["spec_hash"]
