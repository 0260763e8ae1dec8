import pathlib

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.baseline_model import executor
from components.baseline_model.component import BaselineModel
from serving.common.weights_digest import weights_digest
from serving.pushing import destination, push
from serving.pushing.soundness import DamagedVersionError
from tests.support.pushing import RECORD, write_model


def run_component(tmp_path, *properties):
    candidate, baseline = standard_artifacts.Model(), standard_artifacts.Model()
    candidate.uri = str(tmp_path / "candidate")
    baseline.uri = str(tmp_path / "baseline")
    write_model(tmp_path / "candidate" / "Format-Serving", "candidate")
    BaselineModel.test_call(
        candidate=candidate, baseline=baseline, destination=str(tmp_path / "pushed")
    )
    weights = tmp_path / "baseline/Format-Serving/variables"
    reader = tf.train.load_checkpoint(str(weights / "variables"))
    content = reader.get_tensor("weights").decode()
    properties = (executor.SOURCE, executor.VERSION, *properties)
    return content, *map(baseline.get_string_custom_property, properties)


def test_component_copies_the_candidate_and_says_so(tmp_path):
    assert run_component(tmp_path) == ("candidate", "candidate", "")


def test_component_copies_the_pushed_model_and_says_so(tmp_path):
    write_model(tmp_path / "pushed" / "3", "pushed")
    assert run_component(tmp_path) == ("pushed", "pushed", "3")


def push_two(tmp_path):
    place = str(tmp_path / "pushed")
    for content in ("first", "second"):
        folder = write_model(tmp_path / content, content)
        record = RECORD.replace(weights_digest=weights_digest(str(folder)))
        push.push(str(folder), place, record)
    return destination.versions(place)


def test_component_passes_a_damaged_version_over_and_says_so(tmp_path):
    first, second = push_two(tmp_path)
    write_model(pathlib.Path(second.folder), "others")
    content, source, version, reason = run_component(tmp_path, executor.REASON)
    assert (content, source, version) == ("first", "pushed", first.version)
    assert f"version {second.version}: its weights are not those that" in reason


def test_where_no_version_is_whole_a_sentence_says_what_to_delete(tmp_path):
    versions = push_two(tmp_path)
    for version in versions:
        write_model(pathlib.Path(version.folder), "others")
    with pytest.raises(DamagedVersionError, match="no pushed version can be") as caught:
        run_component(tmp_path)
    for version in versions:
        assert version.folder in str(caught.value)
        tf.io.gfile.rmtree(version.folder)
    assert run_component(tmp_path) == ("candidate", "candidate", "")
