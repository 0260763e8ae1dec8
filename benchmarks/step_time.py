"""What a training step and a caption of every model cost at the papers' sizes.

    python benchmarks/step_time.py [--out step_time.jsonl] [--threads 2]
    python benchmarks/step_time.py --variants mgsa stats --system VRE --batch 8
    python benchmarks/step_time.py --variants mgsa --precision int8  # captions only
    python benchmarks/step_time.py --table step_time.jsonl

A training step is one update on `--batch` random clips of full length with a caption of
20 words each, of the longest stage of the row's plan. A caption is of one clip, by beam
5, 20 words long (<eos> is held back), written by the exported model from stored
features on. The vocabulary has 10 000 words.

Every figure comes from a process of its own: wall time is the median of the steps, CPU
time their mean, memory the most that the process held beyond what it held when
TensorFlow and the package were imported. One that takes more than `--memory-limit` or
`--time-limit` is ended, and the row says so. Rows are written one by one to `--out`;
those that are there already are not measured again, so that a run which was stopped
goes on, and runs with other batches add to it. Where 32 clips are too much, a training
step is measured with fewer.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

GIB = 2**30
WORDS, MAX_WORDS, BEAM = 10_000, 20, 5
EXACT = "float32"
SPARE = 2  # a caption is computed that often before it counts: the graph is optimised


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variants", nargs="+", default=[], help="names; else all")
    parser.add_argument(
        "--system", nargs="+", default=[], help="papers' names; else all"
    )
    parser.add_argument("--out", type=pathlib.Path, default="step_time.jsonl")
    parser.add_argument("--table", type=pathlib.Path, help="only prints what it holds")
    parser.add_argument(
        "--batch",
        type=int,
        nargs="+",
        default=[32, 8, 2],
        help="clips of a training step: of these the first that is within the limits",
    )
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--captions", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", type=float, default=12.0, help="GiB")
    parser.add_argument(
        "--time-limit", type=float, default=900.0, help="s, for a figure"
    )
    parser.add_argument(
        "--precision",
        choices=(EXACT, "mixed_bfloat16", "int8"),
        default=EXACT,
        help="of captions; of other ones, no training step is measured",
    )
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, *arguments = options.measure
        print(json.dumps(MEASURES[what](_tensorflow(options.threads), *arguments)))
    elif options.table:
        print(table(rows_of(options.table)))
    else:
        measure_all(options)
        print(table(rows_of(options.out)))


# --------------------------------------------------------------------- all of the rows


def measure_all(options: argparse.Namespace) -> None:
    """Adds what `options.out` lacks."""
    from rich.console import Console

    console = Console(stderr=True)
    there = {key_of(row): row for row in rows_of(options.out)}
    names = chosen(options.variants, options.system)
    for place, name in enumerate(names):
        tries = [("caption", 1)]
        if options.precision == EXACT:
            tries += [("train", batch) for batch in options.batch]
        for what, batch in tries:
            row = {"name": name, "what": what, "batch": batch}
            row |= {"threads": options.threads, "precision": options.precision}
            if key_of(row) not in there:
                console.print(f"{place + 1} of {len(names)}: {what} {name}, {batch}")
                row |= TASKS[what](name, batch, options)
                there[key_of(row)] = row
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            if what == "train" and "problem" not in there[key_of(row)]:
                break


def chosen(names: list[str], systems: list[str]) -> list[str]:
    """The registry's names that are asked for."""
    _quietly()
    from keras_models.presets import registry

    rows = {**registry.PRESETS, **registry.FUSIONS}
    for name in names:
        if name not in rows:
            registry.get(name)  # says which there are
    return [
        name
        for name, row in rows.items()
        if name in names or row.paper in systems or not (names or systems)
    ]


def rows_of(path: pathlib.Path) -> list[dict]:
    """What was measured."""
    return [json.loads(line) for line in path.open()] if path.exists() else []


def key_of(row: dict) -> tuple:
    """What makes two rows the same measurement."""
    precision = row.get("precision", EXACT)
    return row["name"], row["what"], row["batch"], row["threads"], precision


def train(name: str, batch: int, options: argparse.Namespace) -> dict:
    """Updates the model in a process alone."""
    from keras_models.presets import registry

    if name in registry.FUSIONS:
        return {"problem": "trained in parts"}
    return alone("update", options, name, batch, options.steps)


def caption(name: str, batch: int, options: argparse.Namespace) -> dict:
    """Exports the model in one process, and has it write captions in another."""
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model"
        exported = alone("export", options, name, model, options.precision)
        if "problem" in exported:
            return exported
        return exported | alone("write", options, model, batch, options.captions)


TASKS: dict[str, Callable[[str, int, argparse.Namespace], dict]] = {
    "train": train,
    "caption": caption,
}


def alone(what: str, options: argparse.Namespace, *arguments: Any) -> dict:
    """What one of `MEASURES` finds, or the `problem` that ended it."""
    command = [sys.executable, __file__, "--threads", str(options.threads)]
    command += ["--measure", what, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=said, stderr=errors)
        problem = watch(process, options.memory_limit, options.time_limit)
        said.seek(0)
        errors.seek(0)
        lines, complaints = said.read().splitlines(), errors.read().splitlines()
    if problem:
        return {"problem": problem}
    if process.returncode:
        why = complaints[-1] if complaints else f"exit code {process.returncode}"
        return {"problem": why}
    return json.loads(lines[-1])


def watch(process: subprocess.Popen, memory: float, seconds: float) -> str:
    """Waits for the end of a process, or ends it; returns why, '' if it was let be."""
    deadline = time.monotonic() + seconds
    problem = ""
    try:
        while process.poll() is None and not problem:
            if held(process.pid, "VmRSS") > memory * GIB:
                problem = f"more than {memory:g} GiB"
            elif time.monotonic() > deadline:
                problem = f"more than {seconds:g} s"
            else:
                time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return problem


def held(pid: int | str, what: str) -> int:
    """Bytes of a process' memory, from Linux' own books; 0 where it has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


# --------------------------------------------------------- one row, in a process alone


def update(tf: Any, name: str, batch: str, steps: str) -> dict:
    """Training steps."""
    from keras_models.objectives.objective import ObjectiveContext, StepCounters
    from keras_models.presets import registry
    from keras_models.training.train_step import TrainStep

    before = forget_peak()
    captioner = build(name)
    stage = max(registry.get(name).plan.stages, key=lambda stage: stage.epochs)
    clips = random_batch(captioner.spec, int(batch))
    ids = [video_id.decode() for video_id in clips.video.video_id.numpy()]
    counters = StepCounters()
    context = ObjectiveContext(
        words(), {video_id: ("w1 w2 w3",) for video_id in ids}, MAX_WORDS, counters
    )
    objective = stage.objective.build(context)
    objective.on_stage_begin(captioner)
    train_step = TrainStep(captioner, stage, objective, counters, 1000)
    times = timed(lambda: train_step(clips), int(steps), spare=1)
    return {"stage": stage.name, **summary(times, before)}


def export(tf: Any, name: str, folder: str, precision: str) -> dict:
    """Writes an exported model."""
    from keras_models.captioning_model import CaptioningModel
    from keras_models.decoders.decoder import Decoder
    from keras_models.generation import BeamSearch
    from serving.export.export import export
    from serving.export.served_config import ServedConfig
    from transform.records.vocabulary import EOS

    captioner = build(name)
    for decoder in captioner.submodules:
        if isinstance(decoder, Decoder):
            bias = decoder.words.bias
            bias.assign(tf.tensor_scatter_nd_update(bias, [[EOS]], [-50.0]))
    beam = BeamSearch(width=BEAM)
    model = CaptioningModel(captioner, words())
    export(model, folder, beam, ServedConfig(precision=precision))
    sizes = [
        path.stat().st_size for path in pathlib.Path(folder, "variables").iterdir()
    ]
    return {"weights_mib": sum(sizes) / 2**20}


def write(tf: Any, folder: str, batch: str, times: str) -> dict:
    """Captions by an exported model."""
    from serving.common import signature_names
    from transform.schema import SPEC_HASH, FeatureSpec

    before, began = forget_peak(), time.perf_counter()
    model = tf.saved_model.load(folder)
    signature = model.signatures[signature_names.CAPTION_SIGNATURE]
    facts = model.signatures[signature_names.FEATURE_SPEC_SIGNATURE](
        request=tf.fill([int(batch)], "")
    )
    spec = FeatureSpec.from_json(facts[signature_names.SPEC_JSON].numpy()[0].decode())
    video = random_batch(spec, int(batch)).video
    masks = {
        signature_names.mask_name(feature): mask
        for feature, mask in video.masks.items()
    }
    inputs = {**video.features, **masks, SPEC_HASH: facts[SPEC_HASH]}

    def caption() -> None:
        found = signature(**inputs)[signature_names.WORDS].numpy()
        assert (found[0, 0] != b"").sum() == MAX_WORDS, "a caption is too short"

    caption()
    first = time.perf_counter() - began
    return {"first_s": first, **summary(timed(caption, int(times), SPARE), before)}


MEASURES: dict[str, Callable[..., dict]] = {
    "update": update,
    "export": export,
    "write": write,
}


def build(name: str) -> Any:
    """A captioner at its paper's size, or a late fusion of such."""
    from keras_models.captioner import Captioner
    from keras_models.ensembling.late_fusion import LateFusion
    from keras_models.ensembling.relevance.model import RelevanceModel
    from keras_models.presets import registry
    from keras_models.presets.paper_features import paper_spec

    def captioner(config: Any) -> Captioner:
        return Captioner(config, spec, WORDS, MAX_WORDS).build_from_spec()

    if name in registry.FUSIONS:
        fused = registry.FUSIONS[name].model
        spec = paper_spec(fused)
        members = {each: captioner(part) for each, part in fused.members.items()}
        relevance = RelevanceModel(fused.relevance, spec, WORDS, MAX_WORDS)
        return LateFusion(fused, members, relevance.build_from_spec())
    config = registry.get(name).model
    spec = paper_spec(config)
    return captioner(config)


def words() -> Any:
    """As many as the models have."""
    from transform.records.vocabulary import SPECIAL, Vocabulary

    return Vocabulary(f"w{index}" for index in range(WORDS - len(SPECIAL)))


def random_batch(spec: Any, clips: int) -> Any:
    """Clips of full length with captions of `MAX_WORDS` words."""
    import numpy as np
    import tensorflow as tf

    from keras_models.structs import TrainingBatch, VideoBatch
    from transform.records.vocabulary import EOS, SPECIAL

    random = np.random.default_rng(0)
    features, masks = {}, {}
    for tensor in spec.tensors():
        shape = (clips, tensor.max_steps, *tensor.step_shape)
        if tensor.dtype == "float16":
            values = random.random(shape, np.float32).astype(np.float16)
        else:
            values = random.integers(0, 256, shape, np.uint8)
        features[tensor.name] = tf.constant(values)
        masks[tensor.name] = tf.ones(shape[:2], tf.bool)
    tokens = random.integers(len(SPECIAL), WORDS, (clips, 1, MAX_WORDS + 1))
    tokens[..., -1] = EOS
    ids = tf.constant([f"clip{index}" for index in range(clips)])
    video = VideoBatch(ids, features, masks)
    return TrainingBatch(video, tf.constant(tokens, tf.int32))


def timed(run: Callable[[], Any], times: int, spare: int) -> list[tuple[float, float]]:
    """Wall and CPU seconds of each call but the first `spare` ones."""
    found = []
    for _ in range(times + spare):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return found[spare:]


def summary(times: list[tuple[float, float]], before: int) -> dict:
    """Of the times, and of the memory that was taken beyond `before`."""
    walls, cpus = zip(*times, strict=True)
    return {
        "wall_s": statistics.median(walls),
        "cpu_s": statistics.mean(cpus),
        "memory_mib": (held("self", "VmHWM") - before) / 2**20,
    }


def forget_peak() -> int:
    """Lets the peak of memory begin anew; returns the bytes that are held now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return held("self", "VmRSS")


def _quietly() -> None:
    from kinescribe.cli import quiet_frameworks

    quiet_frameworks()


def _tensorflow(threads: int) -> Any:
    """TensorFlow, when all has been imported that `forget_peak` is not to count."""
    _quietly()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(0)
    from keras_models.training import train_step  # noqa: F401
    from serving.export.export import export  # noqa: F401

    return tf


# ------------------------------------------------------------------------ how it reads


def table(rows: list[dict]) -> str:
    """Markdown: a line a model, and what dualAFR costs beside one level."""
    lines = [
        "| model | clips | step, wall / CPU s | GiB | caption, wall / CPU ms | MiB |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, precision in dict.fromkeys(
        (key_of(row)[0], key_of(row)[-1]) for row in rows
    ):
        mine = [row for row in rows if key_of(row)[::4] == (name, precision)]
        steps = [row for row in mine if row["what"] == "train"]
        done = [row for row in steps if "problem" not in row]
        failed = [row for row in steps if "problem" in row]
        clips = [str(row["batch"]) for row in done[:1]]
        clips += [f"{row['batch']}: {row['problem']}" for row in failed]
        captions = [row for row in mine if row["what"] == "caption"]
        label = f"`{name}`" if precision == EXACT else f"`{name}` in {precision}"
        cells = [label, "; ".join(clips)]
        cells += _cells(done, 1, 1024, ".2f", ".2f")
        cells += _cells(captions, 1000, 1, ".0f", ".0f")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *_ratios(rows)])


def _cells(
    rows: list[dict], scale: float, unit: float, seconds: str, memory: str
) -> list[str]:
    if not rows:
        return ["", ""]
    row = rows[0]
    if "problem" in row:
        return [row["problem"], ""]
    wall, cpu = (format(scale * row[key], seconds) for key in ("wall_s", "cpu_s"))
    return [f"{wall} / {cpu}", format(row["memory_mib"] / unit, memory)]


def _ratios(rows: list[dict]) -> list[str]:
    found = {key_of(row): row for row in rows if "problem" not in row}
    lines = []
    for (name, *conditions), row in found.items():
        whole = found.get(("dual_afr_soft", *conditions))
        if not whole or not re.fullmatch(r"dual_afr_pool\d", name):
            continue
        cpu, memory = (whole[key] / row[key] for key in ("cpu_s", "memory_mib"))
        lines.append(
            f"- `dual_afr_soft` beside `{name}`, {row['what']}, {row['batch']} clips: "
            f"{cpu:.2f} × the CPU time, {memory:.2f} × the memory."
        )
    return ["", *lines] if lines else []


if __name__ == "__main__":
    main()
