"""Every row of the table of failures in docs/operations.md has its test."""

import re

import pytest

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
TABLE = PAGE.partition("### What can fail")[2].partition("### Disaster")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_row_is_held_by_a_test_that_is_there(row):
    [(path, name)] = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    text = (ROOT / "tests" / path).read_text()
    assert re.search(rf"^def {name}\(", text, re.MULTILINE)


def test_the_table_is_not_empty():
    assert len(ROWS) > 15
