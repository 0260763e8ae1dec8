import pytest

from pipeline.configs import PipelineConfig
from tests.support.paths import ROOT
from tools import api_page, configuration_page, reproduce_page


@pytest.mark.parametrize("page", [api_page, configuration_page, reproduce_page])
def test_generated_page_is_current(page):
    name = page.__name__.removeprefix("tools.").removesuffix("_page")
    written = (ROOT / "docs" / f"{name}.md").read_text()
    assert written == page.page(), f"make it anew: python -m tools.{name}_page"


def test_every_field_of_a_run_configuration_has_its_sentence():
    silent = [
        f"{cls.__name__}.{name}"
        for cls in configuration_page.documented_classes()
        for name, _, _, sentence in configuration_page.fields(cls)
        if not sentence
    ]
    assert not silent


def test_fields_have_type_default_and_sentence():
    rows = {row[0]: row[1:] for row in configuration_page.fields(PipelineConfig)}
    assert rows["root"][1] == "required"
    assert rows["push_to"][:2] == ("path or URI", '`""`')
    assert "model server" in rows["push_to"][2]


def test_page_of_the_papers_tables_has_all_cells_and_all_corpora():
    page = reproduce_page.page()
    assert page.count("`kinescribe run --preset") == 89
    assert all(f"| `{name}`, " in page for name in ("msvd", "msrvtt", "mvad", "vatex"))
