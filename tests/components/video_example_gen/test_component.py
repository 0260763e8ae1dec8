import json
import pathlib

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import executor as statistics_executor
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import artifact_utils, standard_artifacts

from components.video_example_gen.component import VideoExampleGen
from components.video_example_gen.executor import OUTPUTS, Executor
from keras_models.data.records import RecordDataset
from tests.support import clips, corpus
from transform.backbones import loading
from transform.common.config import ConfigError
from transform.common.errors import DataError
from transform.datasets import Jsonl
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records.dataset import ExtractedDataset
from transform.records.metadata_schema import DESCRIPTIVE
from transform.schema import VIDEO_ID, FeatureSpec

SETTINGS = ExtractionSettings(workers=1, shards=2, max_failure_ratio=0.5)
SPEC = FeatureSpec(sampling=corpus.SPEC.sampling, features=corpus.SPEC.features[:2])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name in ("whole", "another", "third"):
        clips.write(folder / f"{name}.mp4", 20)
    (folder / "empty.mp4").touch()
    return corpus.annotate(folder, ("whole", "another", "empty", "missing", "third"))


def properties(source, **changes):
    return {
        "source": source.to_json(),
        "spec": SPEC.to_json(),
        "settings": SETTINGS.to_json(),
        "data_digest": "0123456789abcdef",
        "records": "records",
        "evaluated": "test",
    } | changes


def run(folder, source, **changes):
    outputs = {}
    for key in OUTPUTS:
        outputs[key] = standard_artifacts.Examples()
        outputs[key].uri = str(folder / key)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_num_workers=7"], tmp_dir=str(folder / "tmp")
    )
    places = {"store": str(folder / "store"), "records": str(folder / "records")}
    Executor(context).Do(
        {},
        {key: [artifact] for key, artifact in outputs.items()},
        properties(source, **places, **changes),
    )
    return outputs


@pytest.fixture(scope="module")
def outputs(source, tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"), source)


@pytest.fixture
def examples(outputs):
    return outputs["examples"]


def test_component_takes_configs_and_gives_examples(source):
    component = VideoExampleGen(
        source, SPEC, "store", "records", "test", SETTINGS, "digest"
    )
    assert component.id == "VideoExampleGen"
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.exec_properties == properties(
        source, store="store", data_digest="digest"
    )


def test_data_digest_may_be_chosen_by_each_run(source):
    digest = RuntimeParameter("data_digest", str)
    component = VideoExampleGen(
        source, SPEC, "store", "records", "test", SETTINGS, digest
    )
    assert component.exec_properties["data_digest"] is digest


def test_artifact_says_what_is_in_it(examples):
    splits = artifact_utils.decode_split_names(examples.split_names)
    assert splits == ["train", "val", "test"]
    assert examples_utils.get_payload_format_string(examples) == "FORMAT_TF_EXAMPLE"
    text, number = (
        examples.get_string_custom_property,
        examples.get_int_custom_property,
    )
    spec = loading.resolve(SPEC)
    assert text("spec_hash") == spec.content_hash
    assert FeatureSpec.from_json(text("feature_spec")) == spec
    assert text("data_digest") == "0123456789abcdef"
    assert text("coverage") == "3 of 5 clips"
    counts = [number(f"clips_{s}") for s in ("ok", "short", "repaired", "failed")]
    assert counts == [3, 0, 0, 2]


def test_artifacts_are_numbered_as_those_of_an_example_gen(source, tmp_path):
    some = part(source, 0, 4)
    editions = [
        {(artifact.span, artifact.version) for artifact in run(tmp_path, of).values()}
        for of in (some, part(source, 0, 1, 4, name="more"), some)
    ]
    assert editions == [{(1, 1)}, {(2, 1)}, {(1, 1)}]


def test_standard_components_read_every_split(outputs, tmp_path):
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path)
    options = tfdv.StatsOptions(feature_allowlist=[VIDEO_ID])
    statistics_executor.Executor().Do(
        {"examples": [outputs["descriptions"]]},
        {"statistics": [statistics]},
        {"stats_options_json": options.to_json(), "exclude_splits": "[]"},
    )
    for split, video_id in (("train", "whole"), ("val", "another"), ("test", "third")):
        path = tmp_path / f"Split-{split}" / "FeatureStats.pb"
        [found] = tfdv.load_stats_binary(str(path)).datasets
        assert found.num_examples == 1
        assert found.features[0].string_stats.top_values[0].value == video_id


def test_what_each_stage_is_handed_is_as_small_as_what_it_reads(outputs):
    def records(key, split):
        dataset = ExtractedDataset(outputs[key].uri)
        return list(RecordDataset(dataset.files(split), dataset.spec).serialized())

    [whole] = records("evaluation_examples", "test")
    assert records("examples", "test") == [whole]
    [described] = records("descriptions", "test")
    assert len(described) < len(whole) / 10
    for name in DESCRIPTIVE:
        feature, same = (
            tf.train.Example.FromString(record).features.feature[name]
            for record in (described, whole)
        )
        assert feature == same
    assert ExtractedDataset(outputs["evaluation_examples"].uri).splits == ("test",)
    index = pathlib.Path(outputs["examples"].uri)
    assert sum(file.stat().st_size for file in index.glob("Split-*/*")) < 1000


def part(source, *places, name="part"):
    folder = pathlib.Path(source.file).parent
    lines = pathlib.Path(source.file).read_text().splitlines()
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines[place] for place in places))
    return Jsonl(file=str(path))


def test_split_without_a_clip_is_not_named(source, tmp_path):
    examples = run(tmp_path, part(source, 0, 4))["examples"]
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "test"]
    assert examples.get_string_custom_property("coverage") == "2 of 2 clips"


def test_nothing_to_evaluate_is_one_sentence(source, tmp_path):
    with pytest.raises(DataError, match="no clip is in split test"):
        run(tmp_path, part(source, 0, 1))


def test_setting_of_another_version_is_one_sentence(source, tmp_path):
    settings = json.dumps({"worker": 2})
    with pytest.raises(ConfigError, match=r"unknown key worker \(did you mean workers"):
        run(tmp_path, source, settings=settings)
