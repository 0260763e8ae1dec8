"""The command `kinescribe run`, which runs a pipeline on this machine."""

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
    from pipeline.console_progress import ConsoleProgress

    settings = configs.find(config)
    if root:
        settings = settings.replace(root=root)
    result = local_runner.run(settings, ConsoleProgress(), verbose=bool(context.obj))
    if as_json:
        places = {
            name: value
            if value is None or isinstance(value, bool | tuple)
            else str(value)
            for name, value in result._asdict().items()
            if name != "stages"
        }
        typer.echo(json.dumps(places))
        return
    _print(result)


def _print(result: RunResult) -> None:
    import rich.console
    import rich.text

    console = rich.console.Console(highlight=False)

    def line(label: str, value: object, style: str = "bold") -> None:
        text = rich.text.Text(f"{label:<11}", style).append(str(value), "default")
        console.print(text, soft_wrap=True)

    line("Clips", f"{result.coverage}; what became of each: {result.manifest}")
    for anomaly in result.anomalies:
        line("Anomaly", anomaly, "bold yellow")
    line("Records", result.examples)
    line("Training", f"{result.training} (TensorBoard reads it)")
    line("Model", result.model)
    line("Report", result.report)
    line("Scores", result.evaluation)
    line("Baseline", result.baseline)
    if result.pushed:
        line("Pushed", result.pushed, "bold green")
    else:
        line("Not pushed", "the gates refused the model", "bold yellow")
