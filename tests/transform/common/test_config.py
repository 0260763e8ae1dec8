from typing import Annotated, Literal, Union

import pytest

from transform.common.config import (
    BY_KIND,
    Config,
    ConfigError,
    Field,
    first_difference,
)


class Round(Config):
    kind: Literal["round"] = "round"
    radius: int = Field(3, ge=1)


class Square(Config):
    kind: Literal["square"] = "square"
    side: float = 2.0


class Picture(Config):
    name: str
    shape: Annotated[Union[Round, Square], BY_KIND] = Round()
    layers: tuple[Square, ...] = ()
    dark: bool = False


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "key name is missing."),
        (
            {"nam": "a", "drak": True, "size": 3},
            "unknown keys drak (did you mean dark?), nam (did you mean name?), size; "
            "key name is missing; allowed keys: dark, layers, name, shape.",
        ),
        (
            {"name": "a", "shpe": {}},
            "unknown key shpe (did you mean shape?); "
            "allowed keys: dark, layers, name, shape.",
        ),
        (
            {"name": "a", "shape": {"kind": "round", "radus": 1}},
            "unknown key shape.radus (did you mean radius?); "
            "allowed keys: kind, radius.",
        ),
        (
            {"name": "a", "shape": {"kind": "round", "radius": 0}},
            "shape.radius = 0 is wrong: "
            "ensure this value is greater than or equal to 1.",
        ),
        (
            {"name": "a", "shape": {"kind": "round", "radius": 2.5}},
            "shape.radius = 2.5 is wrong: a whole number is expected.",
        ),
        (
            {"name": "a", "layers": [{"kind": "square"}, {"side": "wide"}]},
            "layers[1].side = 'wide' is wrong: value is not a valid float.",
        ),
        (
            {"name": "a", "shape": {"kind": "oval"}},
            "shape = {'kind': 'oval'} is wrong: No match for discriminator 'kind' and "
            "value 'oval' (allowed values: 'round', 'square').",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_key_value_and_what_is_allowed(
    data, sentence
):
    with pytest.raises(ConfigError) as error:
        Picture.from_dict(data)
    assert str(error.value) == sentence


@pytest.mark.parametrize("text", ["", "{", "[]", b"\xff", "[" * 99_999, '{"size": 3}'])
def test_damaged_json_is_one_sentence_with_the_files_name(text):
    with pytest.raises(ConfigError, match=r"^a/x\.json is damaged: [^\n]*\.$"):
        Picture.from_json(text, "a/x.json")


def test_what_is_no_number_is_refused():
    with pytest.raises(ConfigError, match=r"side = nan is wrong: a number is expected"):
        Square.from_json('{"side": NaN}')


def test_configs_are_frozen_and_survive_json():
    picture = Picture(name="a", shape=Square(side=1), layers=(Square(),), dark=True)
    assert Picture.from_json(picture.to_json()) == picture
    with pytest.raises(TypeError):
        picture.name = "b"


def test_override_lays_nested_keys_over_and_another_kind_replaces_the_field():
    picture = Picture(name="a", shape=Round(radius=7))
    assert picture.override({"name": "b"}).shape == Round(radius=7)
    assert picture.override({"shape": {"radius": 2}}).shape == Round(radius=2)
    assert picture.override({"shape": {"kind": "square"}}).shape == Square()


def test_replace_checks_the_new_value():
    with pytest.raises(ConfigError, match="unknown key nam "):
        Picture(name="a").replace(nam="b")


def test_yaml_errors_name_the_file(tmp_path):
    path = tmp_path / "picture.yaml"
    with pytest.raises(ConfigError, match=r"cannot read .*picture\.yaml"):
        Picture.from_yaml(path)
    path.write_text("name: [")
    with pytest.raises(ConfigError, match=r"picture\.yaml is not valid YAML"):
        Picture.from_yaml(path)
    path.write_text("- a")
    with pytest.raises(ConfigError, match="must hold a mapping"):
        Picture.from_yaml(path)
    path.write_text("name: a\nshape: {kind: round, radius: -1}")
    with pytest.raises(ConfigError, match=r"picture\.yaml: shape\.radius = -1"):
        Picture.from_yaml(path)


def test_first_difference_names_the_deepest_field():
    ours = {"a": 1, "b": [{"c": 2}, {"c": 3}]}
    assert first_difference(ours, ours) == ""
    theirs = {"a": 1, "b": [{"c": 2}, {"c": 4}]}
    assert first_difference(ours, theirs) == "b[1].c (3 against 4)"
    assert first_difference(ours, {"a": 1}).startswith("b (")
    assert first_difference([1], [1, 2], "x") == "x (1 against 2 entries)"
    assert first_difference({"a": ""}, {"a": "b"}) == "a (nothing against b)"
