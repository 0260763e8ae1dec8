from serving.report.index import IndexRow, render_index
from tests.support.verdicts import BLESSED

BETTER = BLESSED.replace(sentence="Blessed: it is <b>better</b>.")
EMPTY = BLESSED.replace(outcome="refused", sentence="Refused: empty.", scores={})


def test_runs_stand_newest_first_with_their_scores_over_time():
    rows = [
        IndexRow("demo: mgsa", "artifacts/Report/report/9/report.html", BETTER),
        IndexRow("demo: mgsa", "artifacts/Report/report/19/report.html", EMPTY),
    ]
    page = render_index(rows)
    assert page.index("Refused: empty.") < page.index("206.0")
    assert 'href="artifacts/Report/report/9/report.html"' in page
    assert "&lt;b&gt;better" in page and "<svg" in page


def test_runs_that_scored_nothing_have_a_page():
    assert "Refused" in render_index([IndexRow("a", "b", EMPTY)])
