"""What computing with fewer bits changes: features, their cost, captions.

    python benchmarks/precision.py                   # all parts, one seed
    python benchmarks/precision.py --parts features
    python benchmarks/precision.py --parts captions --seeds 0 1 2 --work precision

features  Inception-ResNet-v2 with random weights, EfficientNet-Lite0 and `tiny` with
          their own, on frames of moving_world clips: the error against float32, beside
          that of storing float16, and the CPU time of a clip
captions  the demo's model, trained by cross-entropy on features in float32 and on those
          in bfloat16, captions the test clips; the first also sees them in bfloat16
model     the same model, trained in float32 on such features, captions the test clips
          as it is, recast to bfloat16, and with kernels of eight bits
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

from keras_models.captioning_model import CaptioningModel  # noqa: E402
from keras_models.data.records import RecordDataset  # noqa: E402
from keras_models.inference.int8 import int8_inference  # noqa: E402
from keras_models.metrics.bootstrap import differences, intervals  # noqa: E402
from keras_models.metrics.scorer import MetricStatistics, Scorer  # noqa: E402
from keras_models.presets.paper_features import PAPER_FEATURES  # noqa: E402
from keras_models.presets.preset_training import PresetTrainingConfig  # noqa: E402
from keras_models.training.captioner_training import train  # noqa: E402
from pipeline import configs  # noqa: E402
from transform.backbones import loading  # noqa: E402
from transform.datasets import Msrvtt  # noqa: E402
from transform.jobs import extraction_job  # noqa: E402
from transform.jobs.extraction_settings import ExtractionSettings  # noqa: E402
from transform.moving_world import CorpusConfig, render_corpus  # noqa: E402
from transform.moving_world.render import frame_at  # noqa: E402
from transform.moving_world.subsets import sample_scene  # noqa: E402
from transform.records.dataset import ExtractedDataset  # noqa: E402
from transform.records.vocabulary import Vocabulary  # noqa: E402
from transform.schema import FrameGrid  # noqa: E402
from transform.schema.features.precision import Precision  # noqa: E402

PARTS = ("features", "captions", "model")
EXACT, ROUNDED = "float32", "bfloat16"
CORPUS = CorpusConfig(seed=2, train=200, val=40, test=150)
FRAMES = 20

# ------------------------------------------------------------------------- features


class Error(NamedTuple):
    """How far a clip's features are from what they should be."""

    relative: float  # ‖found − exact‖ / ‖exact‖
    cosine: float  # the worst cell's


def error(found: np.ndarray, exact: np.ndarray) -> Error:
    """Of maps (N, rows, columns, width)."""
    found, exact = (values.astype(np.float64) for values in (found, exact))
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(exact, axis=-1)
    alive = lengths > 1e-6
    cosines = (found * exact).sum(-1)[alive] / lengths[alive]
    relative = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    return Error(float(relative), float(cosines.min()))


def pictures(clip: int, size: int) -> np.ndarray:
    """(FRAMES, size, size, 3) uint8 of one scene."""
    shots = sample_scene(1000 + clip).shots
    moments = np.linspace(0, len(shots), FRAMES, endpoint=False)
    return np.stack(
        [frame_at(shots[int(at)], float(at % 1), (size, size)) for at in moments]
    )


def compare_features(console: Console, clips: int) -> None:
    table = Table(
        *("network", "bfloat16's error", "float16's", "worst cosine"),
        *("float32 CPU ms", "bfloat16 CPU ms"),
        title="Features against float32",
    )
    [tiny] = [
        feature
        for feature in configs.find("demo").features.features
        if isinstance(feature, FrameGrid)
    ]
    [large] = [
        feature.replace(weights="random")
        for feature in PAPER_FEATURES.values()
        if feature.name == "inception_resnet_v2" and isinstance(feature, FrameGrid)
    ]
    lite = FrameGrid(
        name="efficientnet_lite0",
        network="efficientnet_lite0",
        layer="head",
        size=224,
        grid=(7, 7),
        width=1280,
        weights="packaged",
    )
    for feature in (large, lite, tiny):
        exact, rounded = (
            loading.load(feature.replace(precision=precision))
            for precision in (EXACT, ROUNDED)
        )
        warm = pictures(clips, feature.size)
        exact(warm), rounded(warm)
        errors, stored, seconds = [], [], np.zeros(2)
        for clip in range(clips):
            frames = pictures(clip, feature.size)
            began = time.process_time()
            (wanted,) = exact(frames)
            between = time.process_time()
            (found,) = rounded(frames)
            seconds += between - began, time.process_time() - between
            errors.append(error(found, wanted))
            stored.append(error(wanted.astype(np.float16), wanted))
        costs = (f"{1000 * value / clips:,.1f}" for value in seconds)
        table.add_row(
            feature.network,
            f"{np.mean([e.relative for e in errors]):.2%}",
            f"{np.mean([e.relative for e in stored]):.3%}",
            f"{min(e.cosine for e in errors):.4f}",
            *costs,
        )
    console.print(table)


# ------------------------------------------------------------------------- captions


def extracted(work: pathlib.Path, precision: Precision) -> pathlib.Path:
    """The corpus' records with the demo's features in a precision."""
    corpus = render_corpus(CORPUS, work / "corpus", workers=2)
    spec = configs.find("demo").features
    changed = tuple(
        feature.replace(precision=precision)
        if isinstance(feature, FrameGrid)
        else feature
        for feature in spec.features
    )
    extraction_job.extract(
        Msrvtt(files=[str(corpus.annotations)]),
        spec.replace(features=changed),
        store=str(work / "store"),
        out=str(work / precision),
        settings=ExtractionSettings(),
    )
    return work / precision


def trained(dataset: ExtractedDataset, seed: int, epochs: int) -> CaptioningModel:
    """The demo's model after cross-entropy."""
    settings = configs.find("demo")
    stage = settings.training.preset().plan.stages[0]
    config = PresetTrainingConfig.from_dict(
        {
            **settings.training.to_dict(),
            "seed": seed,
            "plan": {"stages": [stage.override({"epochs": epochs}).to_dict()]},
        }
    )
    files = dataset.files("train")
    references = RecordDataset(files, dataset.spec).references
    texts = [text for texts in references.values() for text in texts]
    vocabulary = Vocabulary.from_captions(texts, settings.vocabulary.min_count)
    work = pathlib.Path(dataset.folder, "training")
    preset = config.preset()
    result = train(
        config,
        preset.model,
        preset.plan,
        dataset.spec,
        files,
        dataset.files("val"),
        vocabulary,
        work,
    )
    return result.model


def measured(
    model: CaptioningModel, folder: pathlib.Path
) -> tuple[MetricStatistics, dict[str, str]]:
    """CIDEr-D of the test clips, and what was said of them."""
    dataset = ExtractedDataset(folder)
    test = RecordDataset(dataset.files("test"), dataset.spec)
    videos = test.videos(32, model.captioner.config.features())
    captions = model.caption(videos, configs.find("demo").search)
    return Scorer(test.references).collect(captions, ["CIDEr-D"]), captions


def compare_captions(
    console: Console, work: pathlib.Path, seeds: list[int], epochs: int
) -> None:
    exact, rounded = (extracted(work, precision) for precision in (EXACT, ROUNDED))
    table = Table(
        *("seed", "trained on", "captions", "CIDEr-D", "minus float32 throughout"),
        "other captions",
        title=f"{CORPUS.train} clips to train on, {CORPUS.test} to caption",
    )
    for seed in seeds:
        results = {
            folder: trained(ExtractedDataset(folder), seed, epochs)
            for folder in (exact, rounded)
        }
        baseline, said = measured(results[exact], exact)
        for of, on in ((exact, exact), (exact, rounded), (rounded, rounded)):
            found, captions = measured(results[of], on)
            others = np.mean([captions[clip] != said[clip] for clip in said])
            table.add_row(
                *(str(seed), of.name, on.name),
                *differing(found, baseline),
                f"{others:.0%}",
            )
    console.print(table)


def compare_models(
    console: Console, work: pathlib.Path, seeds: list[int], epochs: int
) -> None:
    folder = extracted(work, EXACT)
    table = Table(
        *("seed", "model computes in", "CIDEr-D", "minus float32", "other captions"),
        title=f"{CORPUS.train} clips to train on, {CORPUS.test} to caption",
    )
    for seed in seeds:
        model = trained(ExtractedDataset(folder), seed, epochs)
        baseline, said = measured(model, folder)
        table.add_row(str(seed), EXACT, *differing(baseline, baseline), "")
        narrow = model.with_precision("mixed_bfloat16")
        with int8_inference(model.captioner):
            results = {
                ROUNDED: measured(narrow, folder),
                "int8": measured(model, folder),
            }
        for name, (found, captions) in results.items():
            others = np.mean([captions[clip] != said[clip] for clip in said])
            table.add_row("", name, *differing(found, baseline), f"{others:.0%}")
    console.print(table)


def differing(found: MetricStatistics, baseline: MetricStatistics) -> tuple[str, str]:
    """CIDEr-D, and how far it is from another; both with their intervals."""
    score = intervals(found)["CIDEr-D"]
    less = differences(found, baseline)["CIDEr-D"]
    return (
        f"{score.value:.3f} [{score.low:.2f}, {score.high:.2f}]",
        f"{less.value:+.3f} [{less.low:+.3f}, {less.high:+.3f}]",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--clips", type=int, default=5, help="of features")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--work", type=pathlib.Path, help="a folder to keep, of the trained models"
    )
    options = parser.parse_args()
    console = Console(highlight=False)
    if "features" in options.parts:
        compare_features(console, options.clips)
    with tempfile.TemporaryDirectory(prefix="kinescribe-") as temporary:
        work = options.work or pathlib.Path(temporary)
        if "captions" in options.parts:
            compare_captions(console, work, options.seeds, options.epochs)
        if "model" in options.parts:
            compare_models(console, work, options.seeds, options.epochs)


if __name__ == "__main__":
    main()
