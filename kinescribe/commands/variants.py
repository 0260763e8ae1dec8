"""`kinescribe variants`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keras_models.variant import Variant


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

    counts = {
        name: parameters.count(variant, paper_spec(variant), words + len(SPECIAL))
        for name, variant in registry.VARIANTS.items()
    }
    if as_json:
        entries = [
            {
                "name": name,
                "system": variant.system,
                "row": variant.row,
                "features": variant.features(),
                "parameters": counts[name],
                "settings": variant.to_dict(),
            }
            for name, variant in registry.VARIANTS.items()
        ]
        print(json.dumps({"words": words, "variants": entries}))
        return

    from rich import box, console, table

    rows = table.Table(
        box=box.SIMPLE,
        show_edge=False,
        caption=f"Parameters at the papers' feature sizes with {words:,} words.",
        caption_justify="left",
    )
    rows.add_column("name", no_wrap=True)
    rows.add_column("the paper's row, what the model reads, how it is trained")
    rows.add_column("parameters", justify="right", no_wrap=True)
    system = ""
    for name, variant in registry.VARIANTS.items():
        if variant.system != system:
            system = variant.system
            rows.add_row(f"[bold]{system}[/bold]")
        reads = f"{', '.join(variant.features())}; {_training(variant)}"
        size = f"{counts[name] / 1e6:.1f} M"
        rows.add_row(name, f"{variant.row}\n[dim]{reads}[/dim]", size)
    console.Console().print(rows)


def _training(variant: Variant) -> str:
    """The plan in a few words."""
    return ", then ".join(
        f"{stage.epochs} epochs {stage.objective.kind.replace('_', ' ')}"
        for stage in variant.plan.stages
    )
