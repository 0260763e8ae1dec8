from tfx.types import standard_artifacts

from components.baseline_model import component
from tests.support.pushing import OTHER_SPEC, write_model


def choose(tmp_path):
    candidate = write_model(tmp_path / "candidate" / "Format-Serving", "candidate")
    return component.choose(str(candidate), str(tmp_path / "pushed"))


def test_first_candidate_is_its_own_baseline(tmp_path):
    chosen = choose(tmp_path)
    assert chosen.folder == str(tmp_path / "candidate" / "Format-Serving")
    assert chosen.version == ""
    assert "nothing has been pushed" in chosen.reason


def test_latest_pushed_version_is_the_baseline(tmp_path):
    for version in ("9", "10", "100", "99"):
        write_model(tmp_path / "pushed" / version)
    (tmp_path / "pushed" / "1000").mkdir()  # being written by somebody else
    chosen = choose(tmp_path)
    assert chosen.version == "100"
    assert chosen.folder == str(tmp_path / "pushed" / "100")


def test_model_of_another_specification_is_not_compared_with(tmp_path):
    write_model(tmp_path / "pushed" / "3", spec=OTHER_SPEC)
    chosen = choose(tmp_path)
    assert chosen.version == ""
    assert OTHER_SPEC.content_hash in chosen.reason


def run_component(tmp_path):
    candidate, baseline = standard_artifacts.Model(), standard_artifacts.Model()
    candidate.uri = str(tmp_path / "candidate")
    baseline.uri = str(tmp_path / "baseline")
    write_model(tmp_path / "candidate" / "Format-Serving", "candidate")
    component.BaselineModel.test_call(
        candidate=candidate, baseline=baseline, destination=str(tmp_path / "pushed")
    )
    weights = tmp_path / "baseline/Format-Serving/variables"
    content = (weights / "variables.data-00000-of-00001").read_text()
    properties = (component.SOURCE, component.VERSION)
    return content, *map(baseline.get_string_custom_property, properties)


def test_component_copies_the_candidate_and_says_so(tmp_path):
    assert run_component(tmp_path) == ("candidate", "candidate", "")


def test_component_copies_the_pushed_model_and_says_so(tmp_path):
    write_model(tmp_path / "pushed" / "3", "pushed")
    assert run_component(tmp_path) == ("pushed", "pushed", "3")
