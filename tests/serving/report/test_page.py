import numpy as np

from serving.gates.verdict import Finding
from serving.report.page import ClipLine, Curve, Report, Row, ScoredClip, render
from tests.support.verdicts import BLESSED

CLIP = ScoredClip(
    "clip<1>", "a red & blue ball", 1.234, ("a ball",), np.zeros((8, 8, 3), np.uint8)
)
FINDING = Finding(
    gate="falling_slices",
    status="refused",
    sentence="Slice category=roll (24 clips): CIDEr-D 1.09 → 0.00.",
    slice="category=roll",
)
VERDICT = BLESSED.replace(
    outcome="refused",
    sentence="Refused: 60 of 60 test clips. Slice category=roll is dead.",
    findings=(FINDING,),
)
REPORT = Report(
    title="demo: mgsa",
    verdict=VERDICT,
    facts=(("coverage", "59 of 60 clips"),),
    scores=(
        Row("model", "", {"CIDEr-D": 0.9, "BLEU-4": 0.5}, {"CIDEr-D": (0.8, 0.99)}),
        Row("shuffled", "features of other clips", {"CIDEr-D": 0.1, "BLEU-4": 0.2}),
    ),
    slices=(Row("category=roll", "12 clips", {"CIDEr-D": 0.7}),),
    curves=(Curve("validation CIDEr-D", [1, 2], [0.1, 0.9], [(1, "ce")], 2),),
    best=(CLIP,),
    worst=(),
    gained=(CLIP._replace(line=ClipLine("clip<1>", "a ball", 1.2, "a cat", 0.25)),),
    clips=(ClipLine("clip<1>", "a red & blue ball", 1.234, "a cat", 0.25),),
)


def test_the_page_shows_scores_controls_slices_curves_and_clips():
    page = render(REPORT)
    for text in ("90.0", "10.0", "shuffled", "category=roll", "59 of 60", "123.4"):
        assert text in page
    assert "<svg" in page
    assert page.count("data:image/jpeg") == 2
    assert "Worst captions" not in page


def test_the_page_escapes_what_people_wrote_and_needs_no_other_file():
    page = render(REPORT)
    assert "clip&lt;1&gt;" in page
    assert "a red &amp; blue ball" in page
    body = page.replace("http://www.w3.org", "").replace("http://purl.org", "")
    assert 'src="http' not in body and 'href="http' not in body


def test_a_metric_that_a_slice_lacks_is_a_dash():
    assert "<td>–</td>" in render(REPORT)


def test_a_run_without_history_has_no_training_section():
    assert "<svg" not in render(REPORT._replace(curves=()))


def test_the_verdict_and_its_gates_come_first():
    page = render(REPORT)
    places = [
        page.index(text)
        for text in ("Refused: 60 of 60", "1.09 → 0.00", "80.0", "<svg", "All clips")
    ]
    assert places == sorted(places)
    assert 'class="verdict refused"' in page


def test_a_clip_that_changed_stands_beside_what_was_said_before():
    page = render(REPORT)
    assert "+25.0 against “a cat”" in " ".join(page.split())


def test_the_curves_mark_stages_and_the_epoch_that_was_kept():
    page = render(REPORT)
    assert "<!-- ce -->" in page and "<!-- kept -->" in page


def test_a_model_that_captions_nothing_has_a_page():
    bare = REPORT._replace(
        scores=(), slices=(), curves=(), best=(), gained=(), clips=()
    )
    assert "Refused" in render(bare)


def test_the_same_report_is_the_same_page():
    assert render(REPORT) == render(REPORT)
