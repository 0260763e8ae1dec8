"""The command `kinescribe check`, which tells what will go wrong before it does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinescribe import preflight, run_options

if TYPE_CHECKING:
    from kinescribe.preflight import Findings


def command(
    context: typer.Context,
    config: run_options.Configuration,
    data: run_options.Data = "",
    preset: run_options.PresetName = "",
    corpus: run_options.Corpus = "",
    root: Annotated[
        str, typer.Option(help="Folder for everything, in place of the file's.")
    ] = "",
    settings: run_options.Settings = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON.")
    ] = False,
) -> int:
    """Tell in seconds what would stop or harm a run, without running anything.

    Annotations, splits, captions, duplicates across splits, networks and their weights,
    shapes, the plan and the disk are looked at. The exit code is 1 if a run would fail.
    """
    began = time.monotonic()
    arguments = run_options.RunArguments(
        config, preset, corpus, root, None, tuple(settings or ()), data
    )
    found = preflight.look("run", arguments, verbose=bool(context.obj))
    if as_json:
        answer = {
            "ok": not found.errors,
            "seconds": round(time.monotonic() - began, 2),
            "facts": found.facts,
            "errors": [{"about": a, "message": text} for a, text in found.errors],
            "warnings": [{"about": a, "message": text} for a, text in found.warnings],
        }
        print(json.dumps(answer, ensure_ascii=False))
    else:
        _print(found)
    return int(bool(found.errors))


def _print(found: Findings) -> None:
    import rich.console
    import rich.text

    console = rich.console.Console(highlight=False)

    def line(label: str, text: str, style: str) -> None:
        words = rich.text.Text(f"{label:<13}", style).append(text, "default")
        console.print(words, soft_wrap=True)

    for label, text in _facts(found.facts):
        line(label, text, "bold")
    for about, text in found.errors:
        line("Error", f"{about}: {text}", "bold red")
    for about, text in found.warnings:
        line("Warning", f"{about}: {text}", "bold yellow")
    if not found.errors:
        line("Ready", "nothing is in the way of `kinescribe run`", "bold green")


def _facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns what is known of a run, as labels and sentences."""
    if not facts or not any(facts["clips"].values()):
        return []
    size = facts["bytes_per_clip"] / 1e6
    lines = [
        ("Clips", _by_split(facts["clips"])),
        ("Captions", _by_split(facts["captions"])),
        ("Features", f"{', '.join(facts['features'])}; up to {size:.2f} MB a clip"),
    ]
    if "words" in facts:
        lines.append(("Words", _words(facts["words"])))
    if "stages" in facts:
        plan = ", ".join(f"{n} epochs of {name}" for name, n in facts["stages"].items())
        number = facts["steps_per_epoch"]
        steps = f"{number:,} step{'' if number == 1 else 's'} an epoch"
        lines.append(("Training", f"{facts['variant']}: {plan}; {steps}"))
    return lines


def _words(facts: dict[str, Any]) -> str:
    """Says what splits captions, and what of them is lost on the way."""
    said = [f"captions split by {facts['tokenizer']}"]
    if facts["split"]:
        said.append(f"{facts['split_word']} becomes several (in {facts['split']:,})")
    if facts["dropped"]:
        said.append(f"{facts['dropped_sign']} is dropped (in {facts['dropped']:,})")
    return "; ".join(said)


def _by_split(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {split}" for split, number in counts.items())
