import tensorflow as tf
from tfx.types import standard_artifacts

from components.baseline_model import executor
from components.baseline_model.component import BaselineModel
from tests.support.pushing import write_model


def run_component(tmp_path):
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
    properties = (executor.SOURCE, executor.VERSION)
    return content, *map(baseline.get_string_custom_property, properties)


def test_component_copies_the_candidate_and_says_so(tmp_path):
    assert run_component(tmp_path) == ("candidate", "candidate", "")


def test_component_copies_the_pushed_model_and_says_so(tmp_path):
    write_model(tmp_path / "pushed" / "3", "pushed")
    assert run_component(tmp_path) == ("pushed", "pushed", "3")
