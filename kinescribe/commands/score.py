"""`kinescribe score`: captions against references."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

# The keys of `--json` stay as they were when CIDEr-D went by its family's name.
_JSON_KEYS = {"CIDEr-D": "CIDEr"}


def command(
    predictions: Annotated[
        str,
        typer.Argument(
            help='JSON: {"clip": "a caption", …}, or COCO\'s [{"image_id", "caption"}].'
        ),
    ],
    references: Annotated[
        str,
        typer.Argument(
            help='JSON: {"clip": ["a caption", …], …}, or COCO\'s {"annotations": …}.'
        ),
    ],
    metrics: Annotated[
        str,
        typer.Option(help="Only these, as in 'BLEU-4,CIDEr-D'."),
    ] = "",
    against: Annotated[
        str,
        typer.Option(
            help="Other captions of the same clips: the difference, with the interval "
            "of a paired bootstrap."
        ),
    ] = "",
    intervals: Annotated[
        bool, typer.Option("--intervals", help="95 % bootstrap intervals over clips.")
    ] = False,
    tokenizer: Annotated[
        str,
        typer.Option(
            help="How captions become words, as `vocabulary.tokenizer` of the model "
            "that wrote them: words, whitespace, unicode or characters."
        ),
    ] = "words",
    as_json: Annotated[
        bool, typer.Option("--json", help="Fractions as JSON, nothing rounded.")
    ] = False,
) -> None:
    """Scores captions with BLEU, METEOR, ROUGE-L and CIDEr-D, as papers report them."""
    from keras_models.metrics import METRICS, bootstrap, scorer
    from kinescribe import caption_files
    from pipeline.catalogue import wording
    from transform.records import tokenizers

    split = tokenizers.of_kind(tokenizer)
    names = tuple(METRICS)
    if metrics.strip():
        typed = (name for name in metrics.split(",") if name.strip())
        names = scorer.check_metrics(typed)
    captions = caption_files.read_predictions(predictions)
    corpus = caption_files.read_references(references)
    if against:
        from kinescribe import comparison_table
        from serving.gates.evidence import Sampling
        from serving.judging.comparing import compare_captions

        sampling = Sampling()
        others = caption_files.read_predictions(against)
        found = compare_captions(
            captions, others, corpus, against, sampling, names, split
        )
        comparison_table.show(found, sampling.confidence, as_json)
        return
    statistics = scorer.Scorer(corpus, split).collect(captions, names)
    values = statistics.corpus()
    bounds = bootstrap.intervals(statistics) if intervals else {}
    if len(corpus) == 1 and "CIDEr-D" in values:
        typer.echo(
            "CIDEr-D is 0 here, whatever the caption: it counts words by how rare they "
            "are among the clips with references, and there is only one.",
            err=True,
        )
    written = [text for texts in corpus.values() for text in texts]
    if "METEOR" in values and wording.spaceless(written):
        typer.echo(
            "METEOR's stems and synonyms are English, and these references are of a "
            "script without spaces: it matches single signs.",
            err=True,
        )

    if as_json:
        result: dict[str, Any] = {_json_key(name): values[name] for name in values}
        if intervals:
            result["intervals"] = {
                _json_key(name): [interval.low, interval.high]
                for name, interval in bounds.items()
            }
        result["clips"] = len(captions)
        result["clips_with_references"] = len(corpus)
        print(json.dumps(result))
        return

    from rich import box, console, table

    rows = table.Table(box=box.SIMPLE, show_edge=False)
    rows.add_column("metric")
    rows.add_column("score", justify="right")
    if intervals:
        rows.add_column("95 % interval", justify="right")
    for name, value in values.items():
        cells = [name, f"{100 * value:.1f}"]
        if intervals:
            low, high = 100 * bounds[name].low, 100 * bounds[name].high
            cells.append(f"{low:.1f} … {high:.1f}")
        rows.add_row(*cells)
    output = console.Console()
    output.print(rows)
    output.print(f"{len(captions):,} of {len(corpus):,} clips")


def _json_key(metric: str) -> str:
    return _JSON_KEYS.get(metric, metric)
