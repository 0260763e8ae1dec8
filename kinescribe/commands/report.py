"""The command `kinescribe report`, which makes a run's report anew."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    root: Annotated[str, typer.Argument(help="The root of a pipeline.")],
) -> None:
    """Write the newest report of a root anew, and a page of all its runs."""
    from pipeline import report_again

    report, index = report_again.report_again(root)
    typer.echo(f"Report     {report}")
    typer.echo(f"All runs   {index}")
