"""The gain of self-critical training over its own cross-entropy checkpoint.

    python benchmarks/reinforcement_gain.py --out gain.jsonl
    python benchmarks/reinforcement_gain.py --out gain.jsonl --config CONFIG --records R
    python benchmarks/reinforcement_gain.py --out gain.jsonl --row ROW --records R \
      --epochs 16 8 --rate 3e-4

For every seed the model of a run's configuration, the demo's by default, is trained by
its first stage, cross-entropy; then by its second, REINFORCE, from the weights of the
first with the best validation score. Both caption the test clips, by default those of a
corpus that shares no clip with the demo's. With `--row` it is a row of the papers at
the size that `kinescribe compare` gives it. Started again, the finished seeds stay and
an unfinished one goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

from keras_models.captioner_config import CaptionerConfig  # noqa: E402
from keras_models.captioning_model import CaptionGenerator  # noqa: E402
from keras_models.data.records import RecordDataset  # noqa: E402
from keras_models.data.training_batches import ClipBatches  # noqa: E402
from keras_models.generation import BeamSearch, Greedy, SearchConfig  # noqa: E402
from keras_models.metrics import bootstrap, diversity  # noqa: E402
from keras_models.metrics.scorer import MetricStatistics, Scorer  # noqa: E402
from keras_models.objectives import CrossEntropy, SelfCritical  # noqa: E402
from keras_models.presets import registry  # noqa: E402
from keras_models.presets.compact import Budget, compact  # noqa: E402
from keras_models.training.captioner_training import (  # noqa: E402
    TrainingConfig,
    TrainingResult,
    train,
)
from keras_models.training.learning_rates import CosineRate  # noqa: E402
from keras_models.training.optimizers import Adam  # noqa: E402
from keras_models.training.plan import Plan, Stage  # noqa: E402
from pipeline import configs  # noqa: E402
from pipeline.comparison import data_sets  # noqa: E402
from transform.datasets import Msrvtt  # noqa: E402
from transform.jobs import extraction_job  # noqa: E402
from transform.jobs.extraction_settings import ExtractionSettings  # noqa: E402
from transform.moving_world import CorpusConfig, render_corpus  # noqa: E402
from transform.records.dataset import ExtractedDataset  # noqa: E402
from transform.records.vocabulary import Vocabulary  # noqa: E402

CORPUS_SEED, HELD_OUT = 1, {"val": 100, "test": 300}
SEARCHES, MEASURES = ("beam", "greedy"), ("CIDEr-D", "bad endings")


class Experiment(NamedTuple):
    """What is trained twice, on what, and how its captions are found."""

    model: CaptionerConfig
    before: Stage
    after: Stage
    config: TrainingConfig
    vocabulary: Vocabulary
    train: RecordDataset
    val: RecordDataset
    test: RecordDataset
    search: SearchConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a JSONL file")
    parser.add_argument(
        "--records",
        type=pathlib.Path,
        help="extracted records in place of a corpus that is rendered beside --out",
    )
    parser.add_argument("--config", default="demo", help="a run's, of two stages")
    parser.add_argument("--row", help="of the papers, in place of a configuration")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--clips", type=int, default=1000, help="to train on, at most")
    parser.add_argument("--epochs", type=int, nargs=2, help="in place of the stages'")
    parser.add_argument("--rate", type=float, help="of REINFORCE, likewise")
    parser.add_argument("--temperature", type=float, help="of its samples, likewise")
    options = parser.parse_args()
    if options.row and not (options.epochs and options.rate):
        parser.error("--row needs --epochs and --rate: no configuration has them")

    work = options.out.with_suffix("")
    records = options.records or _extracted(work, options.clips)
    experiment = (_of_row if options.row else _of_config)(options, records, work)
    for seed in options.seeds:
        if seed not in (row["seed"] for row in _rows(options.out)):
            row = _compare(seed, experiment, work)
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


def _of_config(
    options: argparse.Namespace, folder: pathlib.Path, work: pathlib.Path
) -> Experiment:
    del work
    dataset = ExtractedDataset(folder)
    settings = configs.find(options.config)
    files = _enough(dataset.files("train"), dataset.spec, options.clips)
    preset = settings.training.preset()
    before, after = preset.plan.stages
    if options.epochs:
        before = before.replace(epochs=options.epochs[0])
    splits = [RecordDataset(dataset.files(n), dataset.spec) for n in ("val", "test")]
    training = RecordDataset(files, dataset.spec)
    texts = [text for texts in training.references.values() for text in texts]
    return Experiment(
        preset.model,
        before,
        _reinforced(after, options),
        settings.training,
        Vocabulary.from_captions(texts, settings.vocabulary.min_count),
        training,
        *splits,
        settings.search,
    )


def _of_row(
    options: argparse.Namespace, folder: pathlib.Path, work: pathlib.Path
) -> Experiment:
    """A row as `compare` has it, with few clips an update and smoothed labels."""
    data = data_sets.from_folders(options.row, [str(folder)], str(work))
    budget = Budget(epochs=options.epochs[0])
    adapted, _ = compact(registry.get(options.row), data.spec, budget)
    stage = Stage(
        name="cross_entropy",
        objective=CrossEntropy(label_smoothing=0.1),
        epochs=options.epochs[0],
        optimizer=Adam(),
        learning_rate=CosineRate(rate=budget.rate, final=budget.rate / 10),
        clip_norm=budget.clip_norm,
    )
    after = stage.replace(name="self_critical", objective=SelfCritical())
    return Experiment(
        adapted.model,
        stage,
        _reinforced(after, options),
        TrainingConfig(batch=ClipBatches(size=4, captions=4), max_words=16),
        data.split("train").vocabulary(10),
        *(data.split(name) for name in ("train", "val", "test")),
        BeamSearch(width=3),
    )


def _reinforced(stage: Stage, options: argparse.Namespace) -> Stage:
    assert isinstance(stage.objective, SelfCritical)
    if options.epochs:
        stage = stage.replace(epochs=options.epochs[1])
    if options.rate:
        rate = CosineRate(rate=options.rate, warmup=0.05, final=options.rate / 10)
        stage = stage.replace(learning_rate=rate)
    if options.temperature:
        objective = stage.objective.replace(temperature=options.temperature)
        stage = stage.replace(objective=objective)
    return stage


def _compare(seed: int, experiment: Experiment, work: pathlib.Path) -> dict[str, Any]:
    test = experiment.test

    def trained(stage: Stage, init_checkpoint: pathlib.Path | None) -> TrainingResult:
        return train(
            experiment.config.replace(seed=seed),
            experiment.model,
            Plan(stages=(stage,)),
            test.spec,
            experiment.train.files,
            experiment.val.files,
            experiment.vocabulary,
            work,
            init_checkpoint=init_checkpoint,
        )

    def measured(
        result: TrainingResult,
    ) -> tuple[dict[str, float], dict[str, MetricStatistics]]:
        values, statistics = {"validation": result.score}, {}
        videos = test.videos(32, experiment.model.features())
        for name, search in zip(SEARCHES, (experiment.search, Greedy()), strict=True):
            captions = CaptionGenerator(result.model, search)(videos)
            found = Scorer(test.references).collect(captions, ["CIDEr-D"])
            ends = diversity.bad_endings(captions.values())
            scores = (found.corpus()["CIDEr-D"], ends)
            for what, value in zip(MEASURES, scores, strict=True):
                values[f"{name} {what}"] = value
            statistics[name] = found
        return values, statistics

    began = time.monotonic()
    first = trained(experiment.before, None)
    saved = work / f"seed-{seed}"
    first.model.save(saved)
    before, theirs = measured(first)
    after, ours = measured(trained(experiment.after, saved))
    gains = {
        name: bootstrap.differences(ours[name], theirs[name])["CIDEr-D"][:3]
        for name in SEARCHES
    }
    seconds = round(time.monotonic() - began)
    return {
        "seed": seed,
        "before": before,
        "after": after,
        "gains": gains,
        "seconds": seconds,
    }


def _enough(files: list[str], spec: Any, clips: int) -> list[str]:
    """Returns the first files, up to `clips` clips in all; at least one file."""
    chosen: list[str] = []
    total = 0
    for file in files:
        total += len(RecordDataset([file], spec).clips)
        if chosen and total > clips:
            break
        chosen.append(file)
    return chosen


def _rows(path: pathlib.Path) -> list[dict[str, Any]]:
    return list(map(json.loads, path.read_text().splitlines())) if path.exists() else []


def _print(rows: list[dict[str, Any]]) -> None:
    names = [f"{search} {what}" for search in SEARCHES for what in MEASURES]
    told = [
        *(f"{name}, before → after" for name in names),
        *(f"{s} gain" for s in SEARCHES),
    ]
    table = Table("seed", *told, "s")
    for row in rows:
        before, after = row["before"], row["after"]
        pairs = [f"{before[name]:.3f} → {after[name]:.3f}" for name in names]
        gains = [f"{v:+.3f} [{a:+.3f}, {b:+.3f}]" for v, a, b in row["gains"].values()]
        table.add_row(str(row["seed"]), *pairs, *gains, str(row["seconds"]))
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
