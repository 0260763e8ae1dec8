"""The page in a real browser: by file, by mouse, by keyboard, on a phone."""

import importlib.resources
import pathlib
import time

import pytest

from tests.support import browser, clips
from transform.video import reader
from transform.video.video_info import DecodeError

pytestmark = pytest.mark.skipif(
    browser.PROGRAM is None, reason="Chromium is not installed (apt install chromium)"
)
WORDS = "document.querySelectorAll('.word').length"


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(window, site):
    window.resize(1000, 900)
    window.open(site.gateway.url)
    window.wait_for("document.querySelector('#model').options.length > 0")
    return window


def caption(page, path: pathlib.Path) -> list[str]:
    """Uploads a file and returns the words that appear, once they all have."""
    page.choose_file("#file", path)
    page.wait_for("!document.querySelector('#result').hidden")
    page.wait_for(f"{WORDS} > 0")
    count = -1
    while (found := page.value(WORDS)) != count:
        count = found
        time.sleep(0.6)
    return page.value(
        "[...document.querySelectorAll('.word')].map(w => w.firstChild.textContent)"
    )


def test_a_dropped_video_captions_itself_and_words_show_where_they_looked(
    page, site, clip
):
    words = caption(page, clip)
    answer = site.send(clip).json()["segments"][0]["captions"][0]
    assert words == [each["word"] for each in answer["words"]]
    chances = page.value(
        "[...document.querySelectorAll('.word small')].map(s => s.textContent)"
    )
    assert chances == [f"{each['probability']:.0%}".replace("%", " %")
                       for each in answer["words"]]  # fmt: skip
    page.hover(".word")
    page.wait_for("document.querySelector('#overlay').dataset.map === 'spatial'")
    assert "looked most at" in page.value("document.querySelector('#look').textContent")
    assert page.value("document.querySelectorAll('#when span').length") == 4
    pixels = (
        "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".some(v => v > 0))(document.querySelector('#overlay'))"
    )
    assert page.wait_for(pixels)
    page.value("document.querySelector('#show-heat').click()")
    assert not page.value(pixels)
    page.value("document.querySelector('#show-flow').click()")
    page.wait_for(pixels)
    assert page.errors == []


def test_words_are_reached_and_walked_by_keyboard(page, clip):
    caption(page, clip)
    page.value("document.querySelector('#video').focus()")
    for _ in range(20):
        page.press("Tab")
        if page.value("document.activeElement.className.includes('word')"):
            break
    said = page.value("document.activeElement.getAttribute('aria-label')")
    assert said.endswith("% sure")
    assert page.value("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.press("ArrowRight")
    assert (
        page.value(
            "[...document.querySelectorAll('.word')].indexOf(document.activeElement)"
        )
        == 1
    )


def test_a_long_video_has_a_timeline_whose_parts_are_chosen(page, film):
    page.value("document.querySelector('#segments').value = 'scenes'")
    caption(page, film)
    rows = "document.querySelectorAll('#timeline button')"
    assert page.value(f"{rows}.length") == 3
    page.value(f"{rows}[2].click()")
    page.wait_for("Math.abs(document.querySelector('#video').currentTime - 4) < 0.2")
    assert page.value(f"{rows}[2].getAttribute('aria-current')") == "true"
    assert page.value("document.querySelector('#video').textTracks[0].cues.length") == 3
    page.value("document.querySelector('#download').click()")
    page.wait_for("document.querySelector('#done').textContent.includes('film.vtt')")


def test_a_broken_file_gets_the_sentence_of_inspect(page, clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes())
    clips.truncate(broken, 0.02)
    page.choose_file("#file", broken)
    page.wait_for("!document.querySelector('#problem').hidden")
    sentence = page.value("document.querySelector('#problem').textContent")
    assert sentence == str(DecodeError("broken.mp4", reader.inspect(broken).reason))
    assert page.value("document.querySelector('#result').hidden")


def test_a_file_that_the_browser_cannot_play_is_shown_by_its_frames(page, tmp_path):
    path = clips.write(tmp_path / "old.avi", frames=24, codec="mpeg4", rate=12)
    caption(page, path)
    page.wait_for("!document.querySelector('#still').hidden")
    page.wait_for("document.querySelector('#picture').src.startsWith('data:image')")


def test_the_camera_is_recorded_and_captioned(page):
    page.value("document.querySelector('#camera').click()")
    page.wait_for("document.querySelector('#camera').textContent.startsWith('Stop')")
    time.sleep(2)
    page.value("document.querySelector('#camera').click()")
    page.wait_for(f"{WORDS} > 0")
    assert "camera.webm" in page.value("document.querySelector('#about').textContent")


def test_axe_finds_no_serious_fault(page, clip, film, tmp_path):
    axe = importlib.resources.files("axe_core_python") / "axe.min.js"
    page.value(axe.read_text(encoding="utf-8") + "; true")
    assert serious_faults(page) == []
    caption(page, clip)
    page.hover(".word")
    assert serious_faults(page) == []
    page.darken(True)
    page.resize(360, 740, phone=True)
    assert serious_faults(page) == []
    page.darken(False)
    page.value("document.querySelector('#segments').value = 'scenes'")
    caption(page, film)
    assert serious_faults(page) == []
    (tmp_path / "text.mp4").write_text("no video")
    page.choose_file("#file", tmp_path / "text.mp4")
    page.wait_for("!document.querySelector('#problem').hidden")
    assert serious_faults(page) == []
    page.value("document.querySelector('main').append(new Image()); true")
    assert [each["id"] for each in serious_faults(page)] == ["image-alt"]


def serious_faults(page) -> list[dict]:
    """What axe-core finds that keeps somebody from using the page."""
    found = page.value(
        "axe.run().then(found => found.violations.map("
        "v => ({id: v.id, impact: v.impact, where: v.nodes.map(n => n.html)})))"
    )
    return [each for each in found if each["impact"] in ("serious", "critical")]


def test_nothing_is_wider_than_a_phone_and_every_control_has_a_name(page, clip):
    page.resize(360, 740, phone=True)
    caption(page, clip)
    assert page.value("document.documentElement.scrollWidth") <= 360
    nameless = page.value(
        "[...document.querySelectorAll('button, select, input, video')]"
        ".filter(e => e.offsetParent && !(e.labels?.length || e.textContent.trim()"
        " || e.getAttribute('aria-label'))).map(e => e.outerHTML)"
    )
    assert nameless == []
