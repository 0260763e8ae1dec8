import json
import pathlib

import pytest
import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import executor as statistics_executor
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import artifact_utils, standard_artifacts

from components.video_example_gen.component import VideoExampleGen
from components.video_example_gen.executor import Executor
from tests.support import clips, corpus
from transform.backbones import loading
from transform.common.config import ConfigError
from transform.datasets import Jsonl
from transform.jobs.extraction_settings import ExtractionSettings
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
    } | changes


def run(folder, source, **changes):
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_num_workers=7"], tmp_dir=str(folder / "tmp")
    )
    Executor(context).Do(
        {},
        {"examples": [examples]},
        properties(source, store=str(folder / "store"), **changes),
    )
    return examples


@pytest.fixture(scope="module")
def examples(source, tmp_path_factory):
    return run(tmp_path_factory.mktemp("run"), source)


def test_component_takes_configs_and_gives_examples(source):
    component = VideoExampleGen(source, SPEC, "store", SETTINGS, "digest")
    assert component.id == "VideoExampleGen"
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.exec_properties == properties(
        source, store="store", data_digest="digest"
    )


def test_data_digest_may_be_chosen_by_each_run(source):
    digest = RuntimeParameter("data_digest", str)
    component = VideoExampleGen(source, SPEC, "store", SETTINGS, digest)
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


def test_standard_components_read_every_split(examples, tmp_path):
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path)
    options = tfdv.StatsOptions(feature_allowlist=[VIDEO_ID])
    statistics_executor.Executor().Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {"stats_options_json": options.to_json(), "exclude_splits": "[]"},
    )
    for split, video_id in (("train", "whole"), ("val", "another"), ("test", "third")):
        path = tmp_path / f"Split-{split}" / "FeatureStats.pb"
        [found] = tfdv.load_stats_binary(str(path)).datasets
        assert found.num_examples == 1
        assert found.features[0].string_stats.top_values[0].value == video_id


def test_split_without_a_usable_clip_is_not_named(source, tmp_path):
    folder = pathlib.Path(source.file).parent
    lines = pathlib.Path(source.file).read_text().splitlines()
    (folder / "part.jsonl").write_text("\n".join([lines[0], lines[2]]))
    examples = run(tmp_path, Jsonl(file=str(folder / "part.jsonl")))
    assert artifact_utils.decode_split_names(examples.split_names) == ["train"]
    assert examples.get_string_custom_property("coverage") == "1 of 2 clips"


def test_setting_of_another_version_is_one_sentence(source, tmp_path):
    settings = json.dumps({"worker": 2})
    with pytest.raises(ConfigError, match=r"unknown key worker \(did you mean workers"):
        run(tmp_path, source, settings=settings)
