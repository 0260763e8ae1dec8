"""The report as people see it: in a browser, by pointer and by keys."""

import json

import numpy as np
import pytest

from keras_models.evaluation.evaluate import Evaluation, ScoredCaption
from keras_models.metrics.bootstrap import Interval
from serving.report import content
from serving.report.content import JudgedFiles
from serving.report.page import Look, Row, ScoredClip, render
from tests.support import browser
from tests.support.verdicts import BLESSED

pytestmark = pytest.mark.skipif(
    browser.PROGRAM is None, reason="Chromium is not installed (apt install chromium)"
)

random = np.random.default_rng(0)
METRICS = ("BLEU-4", "METEOR", "CIDEr-D")
CLIPS = [f"clip{number}" for number in range(8)]
CAPTIONS = dict(zip(CLIPS, ["a red ball rolls", "a dog & a cat"] * 4, strict=True))
SLICES = (
    Row("category=roll", "5 clips", {"CIDEr-D": 1.234567, "METEOR": 0.3}),
    Row("category=hit", "3 clips", {"CIDEr-D": 0.1, "METEOR": 0.25}),
)
HISTORY = [
    {"stage": "ce", "CIDEr-D": 0.1, "cross_entropy": 3.0, "best": False},
    {"stage": "ce", "CIDEr-D": 0.9, "cross_entropy": 2.0, "best": True},
]


class Drawn:
    """Pictures of any clips, without a model."""

    def __init__(self, model, records):
        del model, records

    def drawn(self, clips):
        for clip in clips:
            picture = random.integers(0, 255, (60, 300, 3), np.uint8)
            looks = [
                Look(word, picture[:, :90], (n, n + 1.5))
                for n, word in enumerate(clip.caption.split())
            ]
            yield ScoredClip(*clip[:4], picture, looks=tuple(looks))


@pytest.fixture(scope="module")
def judged():
    """What a judge has written, as JSON."""
    scores = {name: Interval(*sorted(random.random(3))[::1]) for name in METRICS}
    values = dict(zip(CLIPS, random.random(8) * 2, strict=True))
    evaluation = Evaluation(
        scores={n: Interval(s.low, s.value, s.high) for n, s in scores.items()},
        baselines={"best constant": dict.fromkeys(METRICS, 0.123456)},
        constant="a ball",
        language={"caption_length": 4.0},
        clips=tuple(
            ScoredCaption(clip, CAPTIONS[clip], values[clip], ("a ball <b>",))
            for clip in CLIPS
        ),
    )
    rows = [
        {
            "video_id": clip,
            "caption": CAPTIONS[clip],
            "CIDEr-D": values[clip],
            "baseline_caption": "a ball",
            "baseline CIDEr-D": 0.5,
        }
        for clip in CLIPS
    ]
    verdict = BLESSED.replace(
        baseline_version="7", baseline_scores=dict.fromkeys(METRICS, 0.7654321)
    )
    return JudgedFiles(verdict, evaluation.to_json(), rows)


@pytest.fixture(scope="module")
def report(judged, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(content, "ScoredClips", Drawn)
        patched.setattr(content, "LocalModel", lambda folder: None)
        built = content.build_report("demo", "", "", judged, SLICES, HISTORY, 2)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(built), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shown(report, tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile")) as page:
        page.open(report.as_uri())
        yield page


def test_nothing_is_missing_and_nothing_complains(shown, report):
    assert shown.value("document.title") == "demo"
    assert shown.value("document.images.length") >= 8
    assert shown.value("[...document.images].every(i => i.complete && i.naturalWidth)")
    loaded = "performance.getEntriesByType('resource').map(entry => entry.name)"
    assert all(name.startswith("data:") for name in shown.value(loaded))
    assert shown.errors == []


def tables(page):
    """Each row of figures: its name, and what is shown beside what it stands for."""
    return page.value(
        "[...document.querySelectorAll('tbody tr')].map(r => [r.cells[0].innerText,"
        "[...r.querySelectorAll('[data-value]')].map(c => "
        "[Number(c.dataset.value), parseFloat(c.innerText.replace('−', '-'))])])"
    )


def test_every_figure_is_that_of_the_json_that_it_comes_from(shown, judged):
    scores = json.loads(judged.scores_text)
    expected = {
        "this model": scores["model"],
        "version 7": judged.verdict.baseline_scores,
        "best constant": scores["controls"]["best constant"],
        **{row.name: row.scores for row in SLICES},
    }
    found = {name.strip(): cells for name, cells in tables(shown)}
    for name, row in expected.items():
        (cells,) = (c for shown_as, c in found.items() if shown_as.startswith(name))
        values = [row[metric] for metric in scores["model"] if metric in row]
        assert [value for value, _ in cells] == values
        assert [text for _, text in cells] == [round(100 * v, 1) for v in values]
    for row in judged.clips:
        gain = row["CIDEr-D"] - row["baseline CIDEr-D"]
        assert [value for value, _ in found[row["video_id"]]] == [row["CIDEr-D"], gain]
    intervals = [
        f"{100 * low:.1f} … {100 * high:.1f}"
        for low, high in scores["intervals"].values()
    ]
    written = shown.value("document.querySelector('tr.model').innerText")
    assert all(text in " ".join(written.split()) for text in intervals)


LOOK = "getComputedStyle(document.querySelector('.word .look')).display"


def test_a_word_shows_what_it_looked_at_by_pointer_and_by_keyboard(shown):
    assert shown.value(LOOK) == "none"
    shown.hover(".word")
    assert shown.value(LOOK) == "block"
    shown.hover("h1")
    assert shown.value(LOOK) == "none"
    shown.value("document.activeElement.blur()")
    shown.press("Tab")
    assert shown.value("document.activeElement.className") == "word"
    assert shown.value(LOOK) == "block"
    shown.value("document.activeElement.blur()")


def test_the_search_leaves_the_clips_that_have_the_words(shown):
    rows = "document.querySelectorAll('#all tbody tr:not([hidden])').length"
    shown.value("document.getElementById('search').focus()")
    shown.write("ball RED")
    assert shown.value(rows) == 4
    assert shown.value("document.getElementById('found').innerText") == "4 clips"
    shown.value("document.getElementById('search').select()")
    shown.write("clip3")
    assert shown.value(rows) == 1


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1200, True)])
def test_the_page_fits_a_phone_and_is_dark_at_night(shown, report, width, dark):
    shown.resize(width, 900)
    shown.darken(dark)
    shown.open(report.as_uri())
    assert shown.value("document.documentElement.scrollWidth") <= width
    colour = shown.value("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(32, 33, 36)" if dark else "rgb(255, 255, 255)")
