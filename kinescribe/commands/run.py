"""The command `kinescribe run`, which runs a pipeline on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from kinescribe import preflight, run_options

REFUSED = 3  # the exit code where the gates refuse a model

if TYPE_CHECKING:
    from kinescribe.joint_run import JointResult
    from pipeline.local_runner import RunResult


def command(
    context: typer.Context,
    config: run_options.Configuration,
    data: run_options.Data = "",
    preset: run_options.PresetName = "",
    corpus: run_options.Corpus = "",
    root: Annotated[
        str, typer.Option(help="Folder for everything, in place of the file's.")
    ] = "",
    seed: run_options.Seed = None,
    settings: run_options.Settings = None,
    seeds: Annotated[
        Optional[int],
        typer.Option(
            min=2,
            help="Train as many models, by seeds of their own, and ensemble them.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Clips of the scores that are printed: test or val.")
    ] = "test",
    accept: Annotated[
        str,
        typer.Option(
            metavar="REASON",
            help="Push a model that the gates refuse, or that is no better, for this "
            "reason; never one that cannot be served.",
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print where everything is as JSON.")
    ] = False,
) -> int:
    """Run a pipeline on this machine: clips to a pushed model.

    What is done already is not done again, so that a run that was stopped goes on
    where it was. `run.yaml` in the root says what was run. Ends with 0 if the model
    was pushed or the served one is as good, with 3 if the gates refused it, with 4 if
    too many clips cannot be used, a split has none, or new clips drifted and
    `retrain.on_drift` is `stop`. Of several models, one that is refused is enough.
    """
    if corpus and not preset:
        raise typer.BadParameter("--corpus goes with --preset")
    if data and preset:
        raise typer.BadParameter("with --preset, one folder is enough")
    arguments = run_options.RunArguments(
        config, preset, corpus, root, seed, tuple(settings or ()), data
    )
    preflight.require("run", arguments)

    from pipeline import joint_configs, local_runner, published_runs
    from pipeline.console_progress import ConsoleProgress

    described = arguments.read()
    if preset:
        published_runs.learn_codebooks(described)
    if seeds:
        if isinstance(described, joint_configs.JointConfig):
            raise typer.BadParameter(
                "it has several models already", param_hint="seeds"
            )
        described = joint_configs.of_seeds(described, seeds)
    verbose = bool(context.obj)
    reported = _reported(preset, described.corpus.kind, split, seeds or 1)
    if isinstance(described, joint_configs.JointConfig):
        from kinescribe import joint_run

        joint = joint_run.run(described, split, verbose)
        if as_json:
            typer.echo(json.dumps(_json_of_joint(joint)))
        else:
            _print_joint(joint, reported)
        refused = any(member.verdict.refuses for member in joint.members.values())
        return REFUSED if refused else 0
    result = local_runner.run(described, ConsoleProgress(), verbose, accept)
    code = REFUSED if result.verdict.refuses else 0
    scores: dict[str, Mapping[str, float]] = {}
    if preset or split != "test":  # the report has the others
        scores = {described.training.variant: _scores(result, split)}
    if as_json:
        typer.echo(
            json.dumps({**_json(result), **({"scores": scores} if scores else {})})
        )
        return code
    _print(result)
    if scores:
        _print_scores({**scores, **reported})
    return code


def _scores(result: RunResult, split: str) -> dict[str, float]:
    """Returns the model's scores: those of the report, or of another split."""
    from serving.client.local_model import LocalModel
    from serving.evaluation import evaluate_split
    from transform.records.dataset import ExtractedDataset

    if split == "test":
        report = json.loads(result.report.with_name("scores.json").read_text())
        return report["model"]
    model = LocalModel(result.model)
    evaluation, _ = evaluate_split(model, ExtractedDataset(result.examples), split)
    return {name: score.value for name, score in evaluation.scores.items()}


def _json(result: RunResult) -> dict[str, Any]:
    return {
        **{
            name: value if value is None or isinstance(value, tuple) else str(value)
            for name, value in result._asdict().items()
            if name not in ("stages", "verdict")
        },
        "verdict": result.verdict.to_dict(),
    }


def _json_of_joint(joint: JointResult) -> dict[str, Any]:
    members = {name: _json(result) for name, result in joint.members.items()}
    return {**joint._asdict(), "members": members}


def _reported(
    preset: str, corpus: str, split: str, seeds: int
) -> dict[str, Mapping[str, float]]:
    """Returns what the paper's tables report of the same, by their places."""
    from keras_models.presets import published

    return {
        f"{cell.paper}, {cell.place}": {str(m): s for m, s in cell.scores.items()}
        for cell in published.cells()
        if (cell.preset, cell.corpus, cell.split, cell.seeds)
        == (preset, corpus, split, seeds)
    }


def _print_joint(
    joint: JointResult, reported: Mapping[str, Mapping[str, float]]
) -> None:
    _print_scores({**joint.scores, **reported})
    for name, member in joint.members.items():
        if member.verdict.refuses:
            typer.echo(f"Refused    {name}: {member.verdict.sentence}")
    typer.echo(f"Model      {joint.model}")
    typer.echo(f"Scores     {joint.scores_file}")


def _print_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """Prints a table of scores × 100, one row for each model."""
    import rich.box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=rich.box.SIMPLE, show_edge=False)
    table.add_column("scores × 100")
    metrics = list(next(iter(scores.values())))
    for metric in metrics:
        table.add_column(metric, justify="right")
    for name, row in scores.items():
        values = (f"{100 * row[m]:.1f}" if m in row else "" for m in metrics)
        table.add_row(name, *values)
    Console(markup=False).print(table)


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
    line("Verdict", result.judgement)
    if result.pushed:
        line("Pushed", result.pushed, "bold green")
    else:
        why = result.withheld or "the served model stays"
        line("Not pushed", why, "bold yellow")
    console.print(result.verdict.sentence, markup=False, soft_wrap=True)
