"""`kinescribe run`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.local_runner import RunResult


def command(
    context: typer.Context,
    config: Annotated[
        str, typer.Argument(help="A YAML file, or the name of a shipped one.")
    ],
    root: Annotated[
        str, typer.Option(help="Folder for everything, in place of the file's.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print where everything is as JSON.")
    ] = False,
) -> None:
    """Run a pipeline on this machine: clips to a pushed model.

    What is done already is not done again, so that a run that was stopped goes on
    where it was.
    """
    from pipeline import configs, local_runner
    from pipeline.stage_lines import StageLines

    settings = configs.find(config)
    if root:
        settings = settings.replace(root=root)
    result = local_runner.run(settings, StageLines(), verbose=bool(context.obj))
    if as_json:
        places = {
            name: value if isinstance(value, str | bool | tuple) else str(value)
            for name, value in result._asdict().items()
            if name != "stages"
        }
        typer.echo(
            json.dumps(places | {"pushed": result.pushed and str(result.pushed)})
        )
        return
    _print(result)


def _print(result: RunResult) -> None:
    import rich.console
    import rich.table

    console = rich.console.Console()
    table = rich.table.Table.grid(padding=(0, 2))
    table.add_row("Clips", f"{result.coverage}; what became of each: {result.manifest}")
    for anomaly in result.anomalies:
        table.add_row("[yellow]Anomaly", anomaly)
    table.add_row("Records", str(result.examples))
    table.add_row("Training", f"{result.training} (TensorBoard reads it)")
    table.add_row("Model", str(result.model))
    table.add_row("Report", str(result.report))
    table.add_row("Scores", str(result.evaluation))
    table.add_row("Baseline", result.baseline)
    if result.pushed:
        table.add_row("[green]Pushed", str(result.pushed))
    else:
        table.add_row("[yellow]Not pushed", "the gates refused the model")
    console.print(table, soft_wrap=True)
