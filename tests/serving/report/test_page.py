import numpy as np

from serving.report.page import Curve, Report, Row, ScoredClip, render

CLIP = ScoredClip(
    "clip<1>", "a red & blue ball", 1.234, ("a ball",), np.zeros((8, 8, 3), np.uint8)
)
REPORT = Report(
    title="demo: mgsa",
    verdict="Blessed: CIDEr-D 0.9 ≥ 0.5.",
    blessed=True,
    facts=(("coverage", "59 of 60 clips"),),
    scores=(
        Row("model", "", {"CIDEr-D": 0.9, "BLEU-4": 0.5}),
        Row("shuffled", "features of other clips", {"CIDEr-D": 0.1, "BLEU-4": 0.2}),
    ),
    slices=(Row("category=roll", "12 clips", {"CIDEr-D": 0.7}),),
    curves=(Curve("validation CIDEr-D", [1, 2], [0.1, 0.9]),),
    best=(CLIP,),
    worst=(),
)


def test_the_page_shows_scores_controls_slices_curves_and_clips():
    page = render(REPORT)
    for text in ("90.0", "10.0", "shuffled", "category=roll", "59 of 60", "123.4"):
        assert text in page
    assert "<svg" in page
    assert page.count("data:image/jpeg") == 1
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
