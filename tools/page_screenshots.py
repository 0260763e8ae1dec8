"""Writes `docs/page.png` and `docs/page_phone.png`: the page of `kinescribe web`.

python -m tools.page_screenshots [demo/pushed] [demo/new/new4.mp4]

A model, the demo's, captions a clip, one that it has never seen. Chromium has to be
installed.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

from PIL import Image

from serving.server.config import ServerConfig
from serving.server.server import Server
from serving.web.config import WebConfig
from serving.web.gateway import Gateway
from tests.support import browser

DOCS = pathlib.Path(__file__).parents[1] / "docs"
MOST_BYTES = 300_000
COLOURS = 256  # of a picture, which has few but for the photograph


def main() -> None:
    """Takes both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", default="demo/pushed")
    parser.add_argument("clip", nargs="?", default="demo/new/new4.mp4")
    options = parser.parse_args()
    server_config = ServerConfig(model_base=options.model, port=0)
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
            page.choose_file("#file", pathlib.Path(options.clip).resolve())
            page.wait_for("document.querySelectorAll('.word').length > 0")
            _wait_for_all_words(page)
            page.hover("li:nth-child(2) .word")
            time.sleep(0.5)
            target = DOCS / name
            page.screenshot(target)
            Image.open(target).convert("RGB").quantize(COLOURS).save(
                target, optimize=True
            )
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
