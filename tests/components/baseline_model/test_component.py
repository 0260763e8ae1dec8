import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.baseline_model import executor
from components.baseline_model.component import BaselineModel
from serving.pushing import destination, push
from tests.support.pushing import RECORD, write_model


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


def other_weights(folder):
    write_model(folder, "others")


def half_of_the_weights(folder):
    [path] = (folder / "variables").glob("*.data-*")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (other_weights, "its weights are not those that were pushed. Delete"),
        (half_of_the_weights, "cannot be read: "),
    ],
)
def test_a_damaged_version_stops_with_a_sentence_and_is_gone_once_deleted(
    tmp_path, damage, said
):
    place = str(tmp_path / "pushed")
    for content in ("first", "second"):
        folder = write_model(tmp_path / content, content)
        record = RECORD.replace(weights_digest=executor.weights_digest(str(folder)))
        push.push(str(folder), place, record)
    damaged = destination.latest(place)
    damage(tmp_path / "pushed" / damaged.version)
    with pytest.raises(executor.DamagedVersionError, match=said) as caught:
        run_component(tmp_path)
    assert str(caught.value).startswith(f"the pushed version {damaged.version} cannot")
    assert damaged.folder in str(caught.value)
    tf.io.gfile.rmtree(damaged.folder)
    content, source, version = run_component(tmp_path)
    assert (content, source) == ("first", "pushed") and version != damaged.version
