"""What a model server tells Prometheus of itself."""

from __future__ import annotations

import urllib.request

from serving.server.server import Server


def metric(server: Server, line: str) -> float:
    """Returns the sum of the page's values whose line begins so."""
    url = f"http://127.0.0.1:{server.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=20) as page:
        rows = page.read().decode().splitlines()
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows if row.startswith(line))
