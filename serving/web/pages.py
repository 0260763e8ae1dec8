"""The files of the page, and the headers that keep it to itself."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

import serving.web

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/attention.js": ("attention.js", "text/javascript; charset=utf-8"),
    "/camera.js": ("camera.js", "text/javascript; charset=utf-8"),
}
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; media-src blob: mediastream:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def add_to(app: Starlette) -> None:
    """Adds the routes of the page's files, and of health."""
    files = importlib.resources.files(serving.web) / "page"
    for route, (name, media_type) in _FILES.items():
        content = (files / name).read_bytes()
        app.add_route(route, _constant(content, media_type), methods=["GET"])
    app.add_route("/healthz", _constant(b"ok\n", "text/plain"), methods=["GET"])


def _constant(content: bytes, media_type: str) -> Callable[[Request], Any]:
    async def page(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return page
