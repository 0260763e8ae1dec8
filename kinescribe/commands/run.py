"""The command `kinescribe run`, which runs a pipeline on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kinescribe import run_options

if TYPE_CHECKING:
    from pipeline.configs import PipelineConfig
    from pipeline.local_runner import RunResult


def command(
    context: typer.Context,
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or the name of a shipped one; with --preset, the folder "
            "of the corpus."
        ),
    ],
    preset: run_options.PresetName = "",
    corpus: run_options.Corpus = "",
    root: Annotated[
        str, typer.Option(help="Folder for everything, in place of the file's.")
    ] = "",
    seed: run_options.Seed = None,
    settings: run_options.Settings = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print where everything is as JSON.")
    ] = False,
) -> None:
    """Run a pipeline on this machine: clips to a pushed model.

    What is done already is not done again, so that a run that was stopped goes on
    where it was. `run.yaml` in the root says what was run.
    """
    from pipeline import local_runner
    from pipeline.console_progress import ConsoleProgress

    described = _described(config, preset, corpus, root, seed, settings)
    result = local_runner.run(described, ConsoleProgress(), verbose=bool(context.obj))
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


def _described(
    config: str,
    preset: str,
    corpus: str,
    root: str,
    seed: int | None,
    settings: list[str] | None,
) -> PipelineConfig:
    """Returns the run that the arguments describe; its data is there."""
    from pipeline import configs, published_runs

    if preset:
        chosen = run_options.chosen_corpus(preset, corpus)
        published = published_runs.configuration(preset, chosen, config, root)
        described = run_options.override(published, seed, settings)
        published_runs.check_data(described, chosen, config)
        return described
    if corpus:
        raise typer.BadParameter("--corpus goes with --preset")
    described = configs.find(config)
    if root:
        described = described.replace(root=root)
    return run_options.override(described, seed, settings)


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
