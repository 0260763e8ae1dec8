"""`kinescribe variants`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keras_models.fused_variant import FusedVariant
    from keras_models.variant import Variant

SENTENCE = 20  # words: a relevance model has weights for each place in a sentence


def command(
    words: Annotated[
        int, typer.Option(min=1, help="Vocabulary size of the parameter counts.")
    ] = 10_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with every setting.")
    ] = False,
) -> None:
    """Lists the models that can be trained: the rows of the papers' tables."""
    from keras_models import parameters, registry
    from keras_models.paper_features import paper_spec
    from transform.vocabulary import SPECIAL

    size = words + len(SPECIAL)
    counts = {
        name: parameters.count(variant, paper_spec(variant), size)
        for name, variant in registry.VARIANTS.items()
    }
    counts |= {
        name: parameters.count_fused(fused, paper_spec(fused), size, SENTENCE)
        for name, fused in registry.FUSIONS.items()
    }
    if as_json:

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

        found = {
            "words": words,
            "variants": entries(registry.VARIANTS),
            "fusions": entries(registry.FUSIONS),
        }
        print(json.dumps(found))
        return

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
    rows: list[tuple[str, Variant | FusedVariant, str]] = [
        *((name, row, _training(row)) for name, row in registry.VARIANTS.items()),
        *((name, row, _fusing(row)) for name, row in registry.FUSIONS.items()),
    ]
    order = list(dict.fromkeys(row.system for _, row, _ in rows))
    system = ""
    for name, variant, training in sorted(rows, key=lambda r: order.index(r[1].system)):
        if variant.system != system:
            system = variant.system
            shown.add_row(f"[bold]{system}[/bold]")
        reads = f"{', '.join(variant.features())}; {training}"
        millions = f"{counts[name] / 1e6:.1f} M"
        shown.add_row(name, f"{variant.row}\n[dim]{reads}[/dim]", millions)
    console.Console().print(shown)


def _training(variant: Variant) -> str:
    """The plan in a few words."""
    return ", then ".join(
        f"{stage.epochs} epochs {stage.objective.kind.replace('_', ' ')}"
        for stage in variant.plan.stages
    )


def _fusing(fused: FusedVariant) -> str:
    return f"kinescribe fuse {' '.join(fused.members)}"
