import gzip

import pytest

from transform.common import documents
from transform.common.config import ConfigError, read_yaml
from transform.common.documents import DocumentError


def test_a_key_that_is_given_twice_is_named():
    with pytest.raises(DocumentError, match=r"a\.yaml .*'corpus' is given twice.*1"):
        documents.parse_yaml("corpus: 1\nroot: x\ncorpus: 2\n", "a.yaml")
    with pytest.raises(DocumentError, match="'b' is given twice"):
        documents.parse_yaml("a: {b: 1, c: 2, b: 1}", "a.yaml")
    with pytest.raises(DocumentError, match=r"a\.json: .*'a' is given twice"):
        documents.parse_json('{"x": {"a": 1, "b": 2, "a": 1}}', "a.json")


def test_a_fault_of_yaml_is_told_by_its_line_as_an_editor_counts():
    with pytest.raises(DocumentError) as mapping:
        documents.parse_yaml("a: 1\nb: 2\n a: [", "a.yaml")
    assert "YAML: line 3, column 3: mapping values are not" in str(mapping.value)
    with pytest.raises(DocumentError) as twice:
        documents.parse_yaml("a: 1\nb: 2\na: 3\n", "a.yaml")
    assert "YAML: line 3, column 1: the key 'a' is given twice" in str(twice.value)
    assert "first in line 1" in str(twice.value)


def test_one_document_is_expected_where_settings_are():
    with pytest.raises(DocumentError, match="holds 2 YAML documents, not one"):
        documents.parse_yaml("a: 1\n---\nb: 2\n", "a.yaml")
    assert documents.parse_all_yaml("a: 1\n---\nb: 2\n", "a") == [{"a": 1}, {"b": 2}]
    assert documents.parse_yaml("", "a.yaml") is None


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(b"x" * 99)[:-9]], ids=["other", "cut"]
)
def test_what_is_damaged_is_named(data):
    with pytest.raises(DocumentError, match=r"^a\.json\.gz is damaged: [^\n]*\.$"):
        documents.unzipped(data, "a.json.gz")
    assert documents.unzipped(gzip.compress(b"x"), "a") == b"x"


def test_what_is_merged_in_may_be_replaced():
    text = "base: &base {a: 1, b: 2}\nhere: {<<: *base, b: 3}"
    assert documents.parse_yaml(text, "a")["here"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    "text", ["{", "a: [", "- 2001-13-45", "[" * 9999, "{[a]: 1}", "\x01", "!!int x"]
)
def test_broken_yaml_is_one_sentence(text):
    with pytest.raises(DocumentError, match=r"^a\.yaml[^\n]*\.$"):
        documents.parse_yaml(text, "a.yaml")


@pytest.mark.parametrize("text", ["{", "", "[" * 99999, "nul", '{"a": 1,}'])
def test_broken_json_is_one_sentence(text):
    with pytest.raises(DocumentError, match=r"^a\.json[^\n]*\.$"):
        documents.parse_json(text, "a.json")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("root: café".encode("latin-1"), "not UTF-8"),
        ("root: café".encode("utf-16"), "UTF-16"),
        (b"1: x", "mapping of settings"),
        (b"root: a\nroot: b", "'root' is given twice"),
    ],
)
def test_a_configuration_in_disorder_is_refused(tmp_path, content, why):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        read_yaml(tmp_path / "a.yaml")


def test_a_configuration_is_utf_8_in_every_locale(tmp_path, monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "latin-1")
    (tmp_path / "a.yaml").write_bytes("\ufeffroot: Ünï".encode())
    assert read_yaml(tmp_path / "a.yaml") == {"root": "Ünï"}
