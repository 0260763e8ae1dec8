"""`kinescribe variants`: lists the presets, as a table, JSON or Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from keras_models.presets.preset import LateFusionPreset, Preset


def command(
    words: Annotated[
        int, typer.Option(min=1, help="Vocabulary size of the parameter counts.")
    ] = 10_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with every setting.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the page docs/variants.md.")
    ] = False,
) -> None:
    """Lists the models that can be trained: the rows of the papers' tables."""
    from keras_models.presets import parameter_counts, registry
    from transform.records.vocabulary import SPECIAL

    size = words + len(SPECIAL)
    counts = {
        name: parameter_counts.stored(name, size)
        for name in (*registry.PRESETS, *registry.FUSIONS)
    }
    if as_json:
        print(json.dumps(_json(words, counts)))
    elif markdown:
        print(_markdown(words, counts))
    else:
        _print(words, counts)


def _json(words: int, counts: Mapping[str, int]) -> dict:
    from keras_models.presets import registry

    def settings(preset: Preset) -> dict:
        return {
            "system": preset.paper,
            "row": preset.row,
            **preset.model.to_dict(),
            "plan": preset.plan.to_dict(),
            "run": preset.run.to_dict(),
        }

    def fusion_settings(preset: LateFusionPreset) -> dict:
        return {
            "system": preset.paper,
            "row": preset.row,
            "members": {
                name: settings(registry.PRESETS[name]) for name in preset.model.members
            },
            "relevance": preset.model.relevance.to_dict(),
        }

    def entry(name: str, preset: Preset | LateFusionPreset, settings: dict) -> dict:
        return {
            "name": name,
            "system": preset.paper,
            "row": preset.row,
            "features": preset.model.features(),
            "parameters": counts[name],
            "settings": settings,
        }

    return {
        "words": words,
        "variants": [
            entry(name, preset, settings(preset))
            for name, preset in registry.PRESETS.items()
        ],
        "fusions": [
            entry(name, preset, fusion_settings(preset))
            for name, preset in registry.FUSIONS.items()
        ],
    }


class _Row(NamedTuple):
    """The columns that the table and the page have for each preset."""

    name: str
    row: str
    features: str
    training: str


def _rows_by_paper() -> dict[str, list[_Row]]:
    """Returns the rows of all presets by the paper that they belong to."""
    from keras_models.presets import registry

    papers: dict[str, list[_Row]] = {}
    for name, preset in registry.PRESETS.items():
        features = ", ".join(preset.model.features())
        row = _Row(name, preset.row, features, _training(preset))
        papers.setdefault(preset.paper, []).append(row)
    for name, fusion in registry.FUSIONS.items():
        features = ", ".join(fusion.model.features())
        row = _Row(name, fusion.row, features, _fusing(fusion))
        papers.setdefault(fusion.paper, []).append(row)
    return papers


def _print(words: int, counts: Mapping[str, int]) -> None:
    from rich import box, console, table

    listing = table.Table(
        box=box.SIMPLE,
        show_edge=False,
        caption=f"Parameters at the papers' feature sizes with {words:,} words.",
        caption_justify="left",
    )
    listing.add_column("name", no_wrap=True)
    listing.add_column("the paper's row, what the model reads, how it is trained")
    listing.add_column("parameters", justify="right", no_wrap=True)
    for paper, rows in _rows_by_paper().items():
        listing.add_row(f"[bold]{paper}[/bold]")
        for name, row, features, training in rows:
            reads = f"{features}; {training}"
            listing.add_row(name, f"{row}\n[dim]{reads}[/dim]", _millions(counts[name]))
    console.Console().print(listing)


def _markdown(words: int, counts: Mapping[str, int]) -> str:
    """Returns the text of the page `docs/variants.md`."""
    lines = [
        "# Variants",
        "",
        "Every row of the papers' tables that can be trained, by the name that a run",
        f"configuration gives it. Parameters are at the papers' feature sizes with "
        f"{words:,}",
        "words. Written by `kinescribe variants --markdown`.",
    ]
    runs = _runs_by_paper()
    for paper, rows in _rows_by_paper().items():
        lines += [
            "",
            f"## {paper}",
            "",
            *runs[paper],
            "",
            "| name | the paper's row | reads | trained | parameters |",
            "|---|---|---|---|---:|",
        ]
        lines += [
            f"| `{name}` | {row} | {features} | {training} | "
            f"{_millions(counts[name])} |"
            for name, row, features, training in rows
        ]
    return "\n".join(lines)


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f} M"


def _training(preset: Preset) -> str:
    """Describes the plan of a preset in a few words."""
    return ", then ".join(
        f"{stage.epochs} epochs {stage.objective.kind.replace('_', ' ')}"
        for stage in preset.plan.stages
    )


def _runs_by_paper() -> dict[str, list[str]]:
    """Returns sentences on the run settings of each paper's presets."""
    from keras_models.presets import registry

    papers: dict[str, dict[str, None]] = {}
    for preset in registry.PRESETS.values():
        run = preset.run
        sentence = (
            f"Batches of {run.batch.size} {run.batch.kind}. Captions of up to "
            f"{run.max_words} words."
        )
        if run.min_count > 1:
            sentence += f" Words seen less than {run.min_count} times are left out."
        if run.word_vectors:
            sentence += " Words begin with vectors that were learnt elsewhere."
        papers.setdefault(preset.paper, {})[sentence] = None
    return {paper: list(sentences) for paper, sentences in papers.items()}


def _fusing(preset: LateFusionPreset) -> str:
    """Returns the command that makes a late fusion of its members."""
    return f"kinescribe fuse {' '.join(preset.model.members)}"
