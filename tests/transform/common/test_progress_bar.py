import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from transform.common import progress_bar
from transform.common.progress_bar import ProgressLines


def run(progress, moments, note=""):
    """Reports (second, how many are done) pairs; returns the lines, with the second."""
    lines = []
    now = 0.0
    reported = ProgressLines(
        *progress, lambda line: lines.append((now, line)), lambda: now
    )
    for moment, done in moments:
        now = moment
        reported.report(done, note)
    return lines


def test_a_log_gets_a_line_every_half_a_minute_with_pace_and_time_left():
    moments = [(10, 5), (30, 60), (31, 61), (60, 120), (61, 121)]
    assert run(("Extracting", 2990, ""), moments) == [
        (30, "Extracting: 60 of 2,990 (2%), 2 a second, 24 min left"),
        (60, "Extracting: 120 of 2,990 (4%), 2 a second, 24 min left"),
    ]


def test_a_quick_job_gets_a_line_every_five_percent_and_its_end():
    lines = run(("a", 100, "steps"), [(n, n) for n in range(1, 101)], "loss 2.5")
    assert [now for now, _ in lines] == list(range(5, 101, 5))
    assert lines[0][1] == (
        "a: 5 of 100 steps (5%), 1 steps a second, 2 min left, loss 2.5"
    )
    assert lines[-1][1] == "a: 100 of 100 steps (100%), 1 steps a second, loss 2.5"


def test_the_pace_of_a_resumed_job_counts_from_where_it_began():
    lines = []
    now = 100.0
    progress = ProgressLines("a", 1000, "", lines.append, lambda: now)
    progress.start(900)
    now = 160.0
    progress.report(903)
    assert lines == ["a: 903 of 1,000 (90%), 3 a minute, 32 min left"]


@settings(deadline=None)
@given(
    total=st.integers(1, 10_000),
    gaps=st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 500)), max_size=40),
)
def test_lines_are_never_closer_than_two_seconds_and_tell_the_time_left(total, gaps):
    moments = []
    now = done = 0
    for seconds, more in gaps:
        now, done = now + seconds, min(total, done + more)
        moments.append((now, done))
    lines = run(("x", total, ""), moments)
    times = [now for now, _ in lines]
    assert all(b - a >= 2 for a, b in itertools.pairwise(times))
    for _, line in lines:
        count = int(re.search(r"x: ([\d,]+)", line)[1].replace(",", ""))
        assert ("left" in line) == (count < total)


def test_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar.shown("Extracting", 7) as report:
        report(7)
    assert "7/7" in capsys.readouterr().err
