"""`kinescribe variants`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from keras_models.captioner_config import Variant
    from keras_models.ensembling.late_fusion import FusedVariant

SENTENCE = 20  # words: a relevance model has weights for each place in a sentence


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
    from keras_models.presets.paper_features import paper_spec
    from transform.records.vocabulary import SPECIAL

    size = words + len(SPECIAL)
    counts = {
        name: parameter_counts.count(variant, paper_spec(variant), size)
        for name, variant in registry.VARIANTS.items()
    }
    counts |= {
        name: parameter_counts.count_fused(fused, paper_spec(fused), size, SENTENCE)
        for name, fused in registry.FUSIONS.items()
    }
    if as_json:
        print(json.dumps(_json(words, counts)))
    elif markdown:
        print(_markdown(words, counts))
    else:
        _print(words, counts)


def _json(words: int, counts: Mapping[str, int]) -> dict:
    from keras_models.presets import registry

    def entries(table: Mapping[str, Variant | FusedVariant]) -> list[dict]:
        return [
            {
                "name": name,
                "system": row.system,
                "row": row.row,
                "features": row.features(),
                "parameters": counts[name],
                "settings": row.to_dict(),
            }
            for name, row in table.items()
        ]

    return {
        "words": words,
        "variants": entries(registry.VARIANTS),
        "fusions": entries(registry.FUSIONS),
    }


class _Row(NamedTuple):
    name: str
    row: str
    features: str
    training: str


def _by_system() -> dict[str, list[_Row]]:
    """What people read of each model."""
    from keras_models.presets import registry

    systems: dict[str, list[_Row]] = {}
    for name, variant in registry.VARIANTS.items():
        row = _Row(name, variant.row, ", ".join(variant.features()), _training(variant))
        systems.setdefault(variant.system, []).append(row)
    for name, fused in registry.FUSIONS.items():
        row = _Row(name, fused.row, ", ".join(fused.features()), _fusing(fused))
        systems.setdefault(fused.system, []).append(row)
    return systems


def _print(words: int, counts: Mapping[str, int]) -> None:
    from rich import box, console, table

    shown = table.Table(
        box=box.SIMPLE,
        show_edge=False,
        caption=f"Parameters at the papers' feature sizes with {words:,} words.",
        caption_justify="left",
    )
    shown.add_column("name", no_wrap=True)
    shown.add_column("the paper's row, what the model reads, how it is trained")
    shown.add_column("parameters", justify="right", no_wrap=True)
    for system, rows in _by_system().items():
        shown.add_row(f"[bold]{system}[/bold]")
        for name, row, features, training in rows:
            reads = f"{features}; {training}"
            shown.add_row(name, f"{row}\n[dim]{reads}[/dim]", _millions(counts[name]))
    console.Console().print(shown)


def _markdown(words: int, counts: Mapping[str, int]) -> str:
    """The text of `docs/variants.md`."""
    lines = [
        "# Variants",
        "",
        "Every row of the papers' tables that can be trained, by the name that a run",
        f"configuration gives it. Parameters are at the papers' feature sizes with "
        f"{words:,}",
        "words. Written by `kinescribe variants --markdown`.",
    ]
    for system, rows in _by_system().items():
        lines += [
            "",
            f"## {system}",
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


def _training(variant: Variant) -> str:
    """The plan in a few words."""
    return ", then ".join(
        f"{stage.epochs} epochs {stage.objective.kind.replace('_', ' ')}"
        for stage in variant.plan.stages
    )


def _fusing(fused: FusedVariant) -> str:
    return f"kinescribe fuse {' '.join(fused.members)}"
