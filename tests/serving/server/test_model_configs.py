from __future__ import annotations

import pytest

from serving.server.model_configs import (
    AllVersions,
    LatestVersions,
    ModelConfig,
    ModelConfigError,
    SpecificVersions,
    read_file,
)

TWO_MODELS = """
model_config_list {
  config {
    name: "first" base_path: "/models/first" model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 4 } }
    version_labels { key: "stable" value: 3 }
    version_labels { key: "canary" value: 4 }
  }
  config { name: "second" base_path: "/models/second"
    model_version_policy { latest { num_versions: 2 } } }
  config { name: "third" base_path: "/models/third" model_version_policy { all {} } }
}
"""


def test_tensorflow_servings_own_file_is_read(tmp_path):
    (tmp_path / "models").write_text(TWO_MODELS)
    assert read_file(str(tmp_path / "models")) == (
        ModelConfig(
            name="first",
            base_path="/models/first",
            policy=SpecificVersions(versions=(3, 4)),
            labels={"stable": 3, "canary": 4},
        ),
        ModelConfig(
            name="second", base_path="/models/second", policy=LatestVersions(count=2)
        ),
        ModelConfig(name="third", base_path="/models/third", policy=AllVersions()),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model_config_list { nonsense: 1 }", "is no model config"),
        ("model_config_list {}", "names no model"),
        ("", "names no model"),
        ("model_config_list { config { base_path: '/a' } }", "has no name"),
        (
            "model_config_list { config { name: 'a' } config { name: 'a' } }",
            "more than once",
        ),
        (
            "model_config_list { config { name: 'a' model_platform: 'pytorch' } }",
            "platform 'pytorch'",
        ),
        (
            "model_config_list { config { name: 'a' "
            "model_version_policy { specific {} } } }",
            "without versions",
        ),
        ("custom_model_config {}", "custom_model_config is not served"),
    ],
)
def test_what_cannot_be_served_is_said(tmp_path, text, sentence):
    (tmp_path / "models").write_text(text)
    with pytest.raises(ModelConfigError, match=sentence):
        read_file(str(tmp_path / "models"))


def test_an_absent_file_is_said(tmp_path):
    with pytest.raises(ModelConfigError, match="cannot read"):
        read_file(str(tmp_path / "absent"))


def test_policies_say_which_versions_they_want():
    complete = {1, 2, 3}
    assert LatestVersions(count=2).candidates(complete) == [3, 2, 1]
    assert LatestVersions(count=2).limit() == 2
    assert AllVersions().candidates(complete) == [3, 2, 1]
    assert AllVersions().limit() is None
    specific = SpecificVersions(versions=(1, 3, 7))
    assert specific.candidates(complete) == [3, 1]
    assert specific.missing([1, 3]) == [7]
