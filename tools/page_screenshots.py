"""Writes pictures of the pages that people look at to `docs`.

    python -m tools.page_screenshots [demo]

`page.png` and `page_phone.png` are the page of `kinescribe web` while the demo's model
captions a clip that it has never seen; `report.png` is the demo's report. Chromium has
to be installed.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

from PIL import Image

from pipeline import report_again
from serving.server.config import ServerConfig
from serving.server.server import Server
from serving.web.config import WebConfig
from serving.web.gateway import Gateway
from tests.support import browser

DOCS = pathlib.Path(__file__).parents[1] / "docs"
MOST_BYTES = 300_000
COLOURS = 256  # of a picture, which has few but for the photograph


def main() -> None:
    """Takes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", nargs="?", default="demo", type=pathlib.Path)
    root = parser.parse_args().root
    clip = (root / "new" / "new4.mp4").resolve()
    report, _ = report_again.report_again(root)
    server_config = ServerConfig(model_base=str(root / "pushed"), port=0)
    with (
        tempfile.TemporaryDirectory() as work,
        Server(server_config) as server,
        Gateway(WebConfig(server=server.address, port=0, work_folder=work)) as gateway,
        browser.opened(pathlib.Path(work) / "profile") as page,
    ):
        for name, width, height, phone in (
            ("page.png", 1000, 820, False),
            ("page_phone.png", 390, 844, True),
        ):
            page.resize(width, height, phone)
            page.open(gateway.url)
            page.wait_for("document.querySelector('#model').options.length > 0")
            page.choose_file("#file", clip)
            page.wait_for("document.querySelectorAll('.word').length > 0")
            _wait_for_all_words(page)
            page.hover("li:nth-child(2) .word")
            time.sleep(0.5)
            _take(page, name)
        page.resize(1000, 1400, False)
        page.open(report.resolve().as_uri())
        page.wait_for("document.images.length > 0")
        _take(page, "report.png")


def _take(page: browser.Page, name: str) -> None:
    """Writes a picture in few colours."""
    target = DOCS / name
    page.screenshot(target)
    Image.open(target).convert("RGB").quantize(COLOURS).save(target, optimize=True)
    size = target.stat().st_size
    assert size <= MOST_BYTES, f"{target} has {size} bytes"
    print(f"Written    {target} ({size:,} bytes)")


def _wait_for_all_words(page: browser.Page) -> None:
    """Waits until no further word appears."""
    count, found = -1, 0
    while found != count:
        time.sleep(0.6)
        count, found = found, page.value("document.querySelectorAll('.word').length")


if __name__ == "__main__":
    main()
