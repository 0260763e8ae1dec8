import pytest

from pipeline import configs
from pipeline.configs import PipelineConfig
from transform.config import ConfigError


@pytest.fixture(params=sorted(configs.shipped()))
def shipped(request):
    return configs.find(request.param)


def test_shipped_configuration_is_the_same_after_json(shipped):
    assert PipelineConfig.from_json(shipped.to_json()) == shipped


def test_shipped_model_reads_features_that_are_extracted(shipped):
    names = {feature.name for feature in shipped.features.features}
    assert set(shipped.training.variant_config().features()) <= names


def demo(**changes):
    return configs.find("demo").override(changes)


def test_configuration_is_found_by_path_and_by_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(configs.shipped()["demo"].read_text())
    assert configs.find(str(path)) == configs.find("demo")


def test_unknown_name_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"no configuration 'demos'.*demo, mgsa"):
        configs.find("demos")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        configs.find(str(tmp_path / "absent.yaml"))


def test_mistyped_key_of_a_file_is_named_with_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    text = configs.shipped()["demo"].read_text()
    path.write_text(text.replace("batch_size", "batchsize"))
    with pytest.raises(ConfigError, match=r"mine\.yaml.*training\.batchsize.*batch_s"):
        configs.find(str(path))


def test_model_without_its_features_is_refused():
    with pytest.raises(ConfigError, match=r"model mgsa reads inception_resnet_v2, but"):
        demo(training={"model": {"encoder": {"grid": "inception_resnet_v2"}}})


def test_unknown_model_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"no model 'mgsaa'.*mgsa_no_garu"):
        demo(training={"variant": "mgsaa"})


def test_optical_flow_of_single_frames_is_refused():
    with pytest.raises(ConfigError, match=r"window is 1, but optical flow needs 2"):
        demo(features={"sampling": {"window": 1}})


@pytest.mark.parametrize("name", ["Demo", "my_run", "1st", "run-", ""])
def test_name_that_kubernetes_refuses_is_refused_here(name):
    with pytest.raises(ConfigError, match="name = "):
        demo(name=name)


def test_everything_lies_below_root_unless_pushed_elsewhere():
    assert demo(root="a").push_destination == "a/pushed"
    assert demo(root="a", push_to="b").push_destination == "b"
