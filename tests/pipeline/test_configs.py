import pytest
import tensorflow as tf
import yaml

from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.presets.paper_features import paper_spec
from pipeline import configs, joint_configs, published_runs
from pipeline.configs import PipelineConfig
from transform.common.config import ConfigError


@pytest.fixture(params=sorted(configs.shipped()))
def shipped(request):
    return configs.find(request.param)


def test_shipped_configuration_is_the_same_after_json(shipped):
    assert PipelineConfig.from_json(shipped.to_json()) == shipped


def test_shipped_model_reads_features_that_are_extracted(shipped):
    names = {feature.name for feature in shipped.features.features}
    assert set(shipped.training.preset().model.features()) <= names


def test_shipped_model_can_be_built_on_its_features(shipped, monkeypatch):
    def zeros(self, shape, dtype=tf.float32, **kwargs):  # random values take seconds
        return tf.zeros(shape, dtype)

    for kind in ("Orthogonal", "VarianceScaling", "RandomUniform"):
        monkeypatch.setattr(getattr(tf.keras.initializers, kind), "__call__", zeros)
    settings = shipped.training
    model = settings.preset().model
    captioner = Captioner(model, shipped.features, 9, settings.max_words)
    captioner.build_from_spec()
    assert captioner.trainable_variables


def demo(**changes):
    return configs.find("demo").override(changes)


def test_configuration_is_found_by_path_and_by_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(configs.shipped()["demo"].read_text())
    assert configs.find(str(path)) == configs.find("demo")


def test_unknown_name_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"no configuration 'demos'.*one of demo"):
        configs.find("demos")


def test_records_of_a_run_are_found_and_so_are_those_of_a_file_without_a_model(
    tmp_path,
):
    run = configs.find("demo")
    found, store = joint_configs.find_records("demo")
    assert store == run.feature_store
    assert (found.corpus, found.features) == (run.corpus, run.features)
    path = tmp_path / "records.yaml"
    path.write_text(yaml.safe_dump(found.to_dict()))
    assert joint_configs.find_records(str(path)) == (found, "")
    path.write_text(yaml.safe_dump({**found.to_dict(), "corpsu": 1}))
    with pytest.raises(ConfigError, match=r"unknown key corpsu \(did you mean corpus"):
        joint_configs.find_records(str(path))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        configs.find(str(tmp_path / "absent.yaml"))


def test_mistyped_key_of_a_file_is_named_with_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    text = configs.shipped()["demo"].read_text()
    path.write_text(text.replace("max_words", "maxwords"))
    with pytest.raises(ConfigError, match=r"mine\.yaml.*training\.maxwords.*max_w"):
        configs.find(str(path))


def test_model_without_its_features_is_refused():
    with pytest.raises(ConfigError, match=r"model mgsa reads inception_resnet_v2, but"):
        demo(training={"model": {"encoder": {"grid": "inception_resnet_v2"}}})


def stats_on_the_demos_features(**training):
    settings = configs.find("demo").to_dict()
    settings["training"] = {"variant": "stats", **training}
    return PipelineConfig.from_dict(settings)


def test_features_that_can_stand_for_missing_ones_are_named_as_a_setting():
    with pytest.raises(ConfigError, match=r"training\.reads = \{'i3d_rgb': 'tiny'\}"):
        stats_on_the_demos_features()
    settings = stats_on_the_demos_features(reads={"i3d_rgb": "tiny"})
    assert settings.training.preset().model.features() == ("tiny",)


def test_a_feature_that_the_preset_does_not_read_is_refused():
    with pytest.raises(ConfigError, match="does not read i3d: it reads i3d_rgb"):
        stats_on_the_demos_features(reads={"i3d": "tiny"})


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


def test_what_is_not_given_is_the_presets():
    data = published_runs.configuration("mgsa", "msvd").to_dict()
    for key in ("vocabulary", "search"):
        del data[key]
    data["training"] = {"variant": "vre"}
    data["features"] = paper_spec(registry.get("vre").model).to_dict()
    run = registry.get("vre").run
    config = PipelineConfig.from_dict(data)
    assert config.vocabulary.min_count == run.min_count == 3
    assert config.search == run.search
    assert config.training.max_words == run.max_words == 15
    given = {**data, "vocabulary": {"min_count": 2}, "search": {"kind": "greedy"}}
    config = PipelineConfig.from_dict(given)
    assert (config.vocabulary.min_count, config.search.kind) == (2, "greedy")


def test_everything_lies_below_root_unless_pushed_elsewhere():
    assert demo(root="a").push_destination == "a/pushed"
    assert demo(root="a", push_to="b").push_destination == "b"


@pytest.mark.parametrize("name", ["flickr8k", "msrvtt-features"])
def test_a_shipped_configuration_reads_the_folder_that_is_named(name):
    config = configs.find(name)
    moved = configs.with_data(config, name, "/elsewhere").to_dict()
    assert f"{name}/" not in str({key: moved[key] for key in ("corpus", "features")})
    assert "/elsewhere/" in str(moved["corpus"])
    assert configs.with_data(config, name, "/elsewhere").root == config.root


def test_a_folder_for_a_configuration_that_reads_none_is_refused():
    with pytest.raises(ConfigError, match="a folder goes with the name of a shipped"):
        configs.with_data(configs.find("demo"), "mine.yaml", "/elsewhere")


def test_pictures_are_served_of_features_that_are_made_of_them_alone():
    assert demo(served={"frames": True}).served.frames
    elsewhere = configs.find("demo").features.to_dict()
    for feature in elsewhere["features"]:
        if feature["kind"] == "frame_grid":
            feature["at"] = {"kind": "whole", "max_frames": 9}
    with pytest.raises(ConfigError, match=r"served\.frames: .* not made at the key fr"):
        demo(features=elsewhere, served={"frames": True})


def test_what_is_served_decides_a_model_where_it_is_not_as_trained():
    assert "served" not in demo().deciding_settings()
    narrow = demo(served={"precision": "int8"})
    assert narrow.deciding_settings()["served"] == {"precision": "int8"}


def test_slices_are_columns_or_labels_of_the_annotations():
    corpus = {"kind": "jsonl", "file": "clips.jsonl"}
    for gates in ({"slices": ["source"]}, {"on_slices": {"source=phone": {}}}):
        with pytest.raises(ConfigError, match=r"no 'source' to slice by; name it in"):
            demo(corpus=corpus, gates=gates)
        named = demo(corpus={**corpus, "labels": ["source"]}, gates=gates)
        assert named.corpus.labels == ("source",)
