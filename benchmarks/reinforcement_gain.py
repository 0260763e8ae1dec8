"""The gain of self-critical training over its own cross-entropy checkpoint.

    python benchmarks/reinforcement_gain.py --out reinforcement_gain.jsonl

For every seed the demo's model is trained on moving_world by cross-entropy; then its
decoder by REINFORCE, from the weights of that with the best validation score. Both
caption the test clips, of a corpus that shares no clip with the demo's.
Started again, the finished seeds stay and an unfinished one goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

from keras_models.data.records import RecordDataset  # noqa: E402
from keras_models.generation import Greedy  # noqa: E402
from keras_models.metrics import diversity  # noqa: E402
from keras_models.metrics.scorer import Scorer  # noqa: E402
from keras_models.presets.preset_training import PresetTrainingConfig  # noqa: E402
from keras_models.training.captioner_training import TrainingResult, train  # noqa: E402
from pipeline import configs  # noqa: E402
from transform.datasets import Msrvtt  # noqa: E402
from transform.jobs import extraction_job  # noqa: E402
from transform.jobs.extraction_settings import ExtractionSettings  # noqa: E402
from transform.moving_world import CorpusConfig, render_corpus  # noqa: E402
from transform.records.dataset import ExtractedDataset  # noqa: E402
from transform.records.vocabulary import Vocabulary  # noqa: E402

CROSS_ENTROPY, SELF_CRITICAL = 0, 1  # stages of the demo's plan
CORPUS_SEED, HELD_OUT = 1, {"val": 100, "test": 300}
SEARCHES, MEASURES = ("beam", "greedy"), ("CIDEr-D", "bad endings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a JSONL file")
    parser.add_argument(
        "--records",
        type=pathlib.Path,
        help="extracted records in place of a corpus that is rendered beside --out",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--clips", type=int, default=1000, help="to train on, at most")
    parser.add_argument("--epochs", type=int, nargs=2, default=[16, 14])
    parser.add_argument("--rate", type=float, default=8e-4, help="of REINFORCE")
    options = parser.parse_args()

    work = options.out.with_suffix("")
    records = options.records or _extracted(work, options.clips)
    for seed in options.seeds:
        if seed not in (row["seed"] for row in _rows(options.out)):
            row = _compare(seed, options, records, work)
            with options.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    _print([row for row in _rows(options.out) if row["seed"] in options.seeds])


def _extracted(work: pathlib.Path, clips: int) -> pathlib.Path:
    corpus = render_corpus(
        CorpusConfig(seed=CORPUS_SEED, train=clips, **HELD_OUT),
        work / "corpus",
        workers=2,
    )
    extraction_job.extract(
        Msrvtt(files=[str(corpus.annotations)]),
        configs.find("demo").features,
        store=str(work / "store"),
        out=str(work / "records"),
        settings=ExtractionSettings(),
    )
    return work / "records"


def _compare(
    seed: int, options: argparse.Namespace, folder: pathlib.Path, work: pathlib.Path
) -> dict[str, Any]:
    dataset = ExtractedDataset(folder)
    spec = dataset.spec
    settings = configs.find("demo")
    files = _enough(dataset.files("train"), spec, options.clips)
    texts = [
        text
        for texts in RecordDataset(files, spec).references.values()
        for text in texts
    ]
    vocabulary = Vocabulary.from_captions(texts, settings.vocabulary.min_count)
    test = RecordDataset(dataset.files("test"), spec)

    def stage(number: int, init_checkpoint: pathlib.Path | None) -> TrainingResult:
        planned = settings.training.preset().plan.stages[number]
        changes: dict[str, Any] = {"epochs": options.epochs[number]}
        if number == SELF_CRITICAL:
            changes["frozen"] = ["^encoder/"]
            changes["learning_rate"] = {
                "kind": "cosine",
                "rate": options.rate,
                "warmup": 0.05,
                "final": options.rate / 10,
            }
        stages = [planned.override(changes).to_dict()]
        config = PresetTrainingConfig.from_dict(
            {
                **settings.training.to_dict(),
                "seed": seed,
                "plan": {"stages": stages},
            }
        )
        preset = config.preset()
        return train(
            config,
            preset.model,
            preset.plan,
            spec,
            files,
            dataset.files("val"),
            vocabulary,
            work,
            init_checkpoint=init_checkpoint,
        )

    def measured(result: TrainingResult) -> dict[str, float]:
        values = {"validation": result.score}
        for name, search in zip(SEARCHES, (settings.search, Greedy()), strict=True):
            model = result.model
            videos = test.videos(32, model.captioner.config.features())
            captions = model.caption(videos, search)
            scores = Scorer(test.references).collect(captions, ["CIDEr-D"]).corpus()
            ends = diversity.bad_endings(captions.values())
            for what, value in zip(MEASURES, (scores["CIDEr-D"], ends), strict=True):
                values[f"{name} {what}"] = value
        return values

    began = time.monotonic()
    before = stage(CROSS_ENTROPY, None)
    saved = work / f"seed-{seed}"
    before.model.save(saved)
    row = {"seed": seed, "before": measured(before)}
    row["after"] = measured(stage(SELF_CRITICAL, saved))
    return {**row, "seconds": round(time.monotonic() - began)}


def _enough(files: list[str], spec: Any, clips: int) -> list[str]:
    """Returns the first files, up to `clips` clips in all; at least one file."""
    chosen: list[str] = []
    for file in files:
        if chosen and len(RecordDataset([*chosen, file], spec).clips) > clips:
            break
        chosen.append(file)
    return chosen


def _rows(path: pathlib.Path) -> list[dict[str, Any]]:
    return list(map(json.loads, path.read_text().splitlines())) if path.exists() else []


def _print(rows: list[dict[str, Any]]) -> None:
    names = [f"{search} {what}" for search in SEARCHES for what in MEASURES]
    table = Table("seed", *(f"{name}, before → after" for name in names), "s")
    for row in rows:
        before, after = row["before"], row["after"]
        pairs = [f"{before[name]:.3f} → {after[name]:.3f}" for name in names]
        table.add_row(str(row["seed"]), *pairs, str(row["seconds"]))
    console = Console()
    console.print(table)
    for name in names:
        before, after = (
            np.array([row[when][name] for row in rows]) for when in ("before", "after")
        )
        console.print(
            f"{name}: {before.mean():.3f} before, {after.mean():.3f} after; higher in "
            f"{(after > before).sum()} of {len(rows)} seeds"
        )


if __name__ == "__main__":
    main()
