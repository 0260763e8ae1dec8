"""Prints paired comparisons of scores, for the commands that make them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.gates.evidence import Comparison


def show(comparisons: Sequence[Comparison], confidence: float, as_json: bool) -> None:
    """Prints comparisons as a table, or as JSON with nothing rounded."""
    from serving.judging.comparing import conclusion

    said = conclusion(comparisons, confidence)
    if as_json:
        rows = {
            found.metric: {
                "first": found.ours,
                "second": found.theirs,
                "difference": found.difference.value,
                "low": found.difference.low,
                "high": found.difference.high,
                "better": found.difference.better,
            }
            for found in comparisons
        }
        clips = comparisons[0].clips
        print(json.dumps({"conclusion": said, "clips": clips, "metrics": rows}))
        return

    from rich import box, console, table

    rows_shown = table.Table(box=box.SIMPLE, show_edge=False)
    rows_shown.add_column("metric ×100")
    interval = f"{100 * confidence:g} % interval"
    for title in ("first", "second", "difference", interval, "ahead"):
        rows_shown.add_column(title, justify="right")
    for found in comparisons:
        apart = found.difference
        rows_shown.add_row(
            found.metric,
            f"{100 * found.ours:.1f}",
            f"{100 * found.theirs:.1f}",
            f"{100 * apart.value:+.1f}",
            f"{100 * apart.low:+.1f} … {100 * apart.high:+.1f}",
            f"{100 * apart.better:.0f} %",
        )
    output = console.Console()
    output.print(rows_shown)
    output.print(said, soft_wrap=True)
