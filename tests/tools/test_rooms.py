import pytest

from tests.support.paths import ROOT
from tools import rooms

PACKAGES = (
    "keras_models",
    "transform",
    "serving",
    "components",
    "pipeline",
    "kinescribe",
    "kubeflow",
)
TEXT = (ROOT / "docs/architecture.md").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package):
    found = rooms.plan(package)
    assert found.circle == []
    if f"| `{package}` |" in TEXT:
        row = TEXT.split(f"| `{package}` |")[1].splitlines()[0]
        counted = [int(cell.split("→")[1]) for cell in row.split("|")[:2]]
        assert counted == [found.rooms, found.arrows]


def test_a_circle_is_found(tmp_path, monkeypatch):
    package = tmp_path / "curved"
    package.mkdir()
    for name, text in {"__init__": "", "a": "import curved.b", "b": ""}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert rooms.plan("curved").circle == []
    (package / "b.py").write_text("def f():\n    import curved.a\n")
    assert {"curved.a", "curved.b"} <= set(rooms.plan("curved").circle)
