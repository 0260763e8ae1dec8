"""The command `kinescribe init`, which writes a configuration for one's own clips."""

from __future__ import annotations

import collections
import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinescribe import preflight, run_options

if TYPE_CHECKING:
    from pipeline.catalogue.draft import Draft
    from pipeline.catalogue.survey import Survey
    from transform.datasets import VideoRecord

_MOST_NAMED = 5  # files of one kind of trouble


def command(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder of clips, or a CSV, TSV or JSONL file with a column `video` "
            "and a column `caption`."
        ),
    ],
    out: Annotated[
        str,
        typer.Option(help="The configuration to write; <name of the source>.yaml."),
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the choice of splits.")] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found as JSON.")
    ] = False,
) -> None:
    """Look at your clips and captions, and write a run configuration for them.

    Splits that are missing are made, and copies of a clip kept in one. Nothing is
    computed yet: read the file, then `kinescribe check` it and `kinescribe run` it.
    """
    from pipeline.catalogue import division, draft
    from pipeline.catalogue.survey import survey
    from transform.common import outputs
    from transform.common.errors import KinescribeError
    from transform.common.location import Location

    name = draft.slug(Location(os.path.abspath(source)).stem)
    path = outputs.require_here(out or f"{name}.yaml")
    annotations = path.beside(f"{path.stem}.clips.jsonl")
    for file in (path, annotations):
        outputs.require_file(file)
        if os.path.lexists(file) and not force:
            raise KinescribeError(
                f"{file} is there already: --force replaces it, --out names another."
            )
    with _progress() as progress:
        found = survey(source, progress)
    clips = division.divide(found.clips, found.splits, seed)
    drafted = draft.draft(
        found,
        clips,
        name=name,
        corpus=f"{{kind: jsonl, file: {json.dumps(annotations)}}}",
        root=json.dumps(os.path.join("runs", name)),
    )
    outputs.write(annotations, _jsonl(clips, annotations.parent))
    outputs.write(path, drafted.text)
    checked = preflight.look("run", run_options.RunArguments(path))
    facts = _facts(found, clips, drafted, path, annotations)
    facts["errors"] = [text for _, text in checked.errors]
    facts["warnings"] = [text for _, text in checked.warnings]
    if as_json:
        print(json.dumps(facts))
    else:
        _print(facts)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Shows how many clips were looked at, where a person sees it."""
    import rich.console
    import rich.progress

    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("Looking at clips", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _jsonl(clips: Sequence[VideoRecord], folder: str) -> str:
    """Returns the clips as Kinescribe's own annotations, with paths from a folder."""
    from transform.common.location import Location

    lines = []
    for clip in clips:
        row = {
            "id": clip.video_id,
            "video": clip.uri
            if Location(clip.uri).is_remote
            else os.path.relpath(clip.uri, folder or "."),
            "split": clip.split,
            "captions": clip.captions,
            "category": clip.category,
            "start": clip.start,
            "end": clip.end,
        }
        kept = {key: value for key, value in row.items() if value not in ("", None)}
        lines.append(json.dumps(kept, ensure_ascii=False) + "\n")
    return "".join(lines)


def _facts(
    found: Survey,
    clips: Sequence[VideoRecord],
    drafted: Draft,
    path: str,
    annotations: str,
) -> dict[str, Any]:
    """Returns all that is printed, as JSON."""
    lengths = sorted(look.seconds for look in found.looks.values())
    counts = collections.Counter(clip.split for clip in clips)
    return {
        "configuration": path,
        "annotations": annotations,
        "clips": len(clips),
        "captions": len(found.captions),
        "photographs": sum(look.photograph for look in found.looks.values()),
        "with_sound": sum(look.sound for look in found.looks.values()),
        "seconds": {
            "shortest": lengths[0],
            "median": found.median_seconds,
            "longest": lengths[-1],
        },
        "splits": {split: counts[split] for split in ("train", "val", "test")},
        "splits_given": len(found.splits),
        "broken": dict(found.broken),
        "uncaptioned": list(found.uncaptioned),
        "copies": [[clip.video_id for clip in each.clips] for each in found.copies],
        "minutes": round(drafted.minutes, 1),
        "megabytes": round(drafted.bytes_needed / 1e6, 1),
    }


def _print(facts: dict[str, Any]) -> None:
    import rich.console
    import rich.text

    console = rich.console.Console(highlight=False)

    def line(label: str, text: str, style: str = "bold") -> None:
        words = rich.text.Text(f"{label:<13}", style).append(text, "default")
        console.print(words, soft_wrap=True)

    seconds = facts["seconds"]
    kinds = [f"{facts['photographs']} photographs"] if facts["photographs"] else []
    if seconds["longest"]:
        kinds.append(
            f"{seconds['shortest']:.1f} to {seconds['longest']:.1f} s long, half of "
            f"them above {seconds['median']:.1f} s"
        )
        kinds.append(f"{facts['with_sound']} with sound")
    line("Clips", f"{facts['clips']:,}: {', '.join(kinds)}")
    line("Captions", f"{facts['captions']:,}")
    for file, reason in list(facts["broken"].items())[:_MOST_NAMED]:
        line("Broken", f"{file}: {reason}", "bold yellow")
    _print_rest(line, "Broken", len(facts["broken"]))
    for file in facts["uncaptioned"][:_MOST_NAMED]:
        line("Left out", f"{file}: it has no caption", "bold yellow")
    _print_rest(line, "Left out", len(facts["uncaptioned"]))
    for ids in facts["copies"][:_MOST_NAMED]:
        line("Same video", ", ".join(ids), "bold yellow")
    _print_rest(line, "Same video", len(facts["copies"]))
    splits = ", ".join(f"{count:,} {split}" for split, count in facts["splits"].items())
    given = facts["splits_given"]
    origin = "as given" if given == facts["clips"] else f"{given:,} of them as given"
    line("Splits", f"{splits} ({origin})" if given else splits)
    line("Estimate", f"{facts['minutes']:.0f} minutes, {facts['megabytes']:,.0f} MB")
    for text in facts["errors"]:
        line("Error", text, "bold red")
    for text in facts["warnings"]:
        line("Warning", text, "bold yellow")
    line("Written", f"{facts['configuration']}, {facts['annotations']}", "bold green")
    line("Next", f"kinescribe run {facts['configuration']}")


def _print_rest(line: Callable[[str, str, str], None], label: str, count: int) -> None:
    if count > _MOST_NAMED:
        rest = count - _MOST_NAMED
        line(label, f"and {rest:,} more; --json names them all", "bold yellow")
