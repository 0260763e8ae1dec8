"""Prints the floor and the ceiling of moving_world's diagnostic subsets."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.comparison.moving_world import DIAGNOSTIC, Counts, bounds

_METRICS = ("CIDEr-D", "BLEU-4")


def main(
    train: Annotated[int, typer.Option(help="Clips that give the constant.")] = 400,
    test: Annotated[int, typer.Option(help="Clips that are scored.")] = 400,
    seed: Annotated[int, typer.Option(help="Another seed is another corpus.")] = 0,
) -> None:
    """Prints what captions score that saw none, the twin, or all of a clip."""
    print("| subset | constant | the twin's | a person |")
    print("|---|---|---|---|")
    for subset in DIAGNOSTIC:
        found = bounds(subset, Counts(train, 0, test), seed)
        cells = (
            " / ".join(f"{100 * scores[metric]:.1f}" for metric in _METRICS)
            for scores in (found.constant, found.twin, found.person)
        )
        print(f"| {subset} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
