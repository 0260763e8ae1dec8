"""What scoring MSR-VTT's test split takes, beside stock pycocoevalcap, same values.

    python benchmarks/evaluate.py [--clips 2990] [--references 20] [--evaluator]

2,990 clips with 20 references each, as MSR-VTT's test split has; sentences are drawn
from a grammar of English words, so that METEOR finds stems, synonyms and paraphrases.
All metrics score them, ours and pycocoevalcap's as its `COCOEvalCap` calls them,
tokenising both times; the values are compared. CPU times are those of this process and
of the Java processes that it has started and ended.

With `--evaluator`, TensorFlow Model Analysis scores the same captions as the Evaluator
has it, of a model that says them at once: what it takes beside the scores is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.evaluator import analysis_config, caption_metrics
from keras_models.metrics import java, meteor, paraphrases, scorer, tokenizer
from transform import schema

SUBJECTS = "man woman boy girl chef singer player dog cat crowd child person".split()
ADJECTIVES = "young old tall small happy tired".split()
ACTIONS = (
    "plays|is playing|performs|strums",
    "cooks|is cooking|prepares|makes",
    "drives|is driving|rides|steers",
    "talks about|is talking about|explains|discusses",
    "cuts|is cutting|slices|chops",
    "shows|is showing|presents|displays",
    "runs with|is running with|jogs with|races with",
    "throws|is throwing|tosses|hurls",
    "paints|is painting|draws|sketches",
    "fixes|is fixing|repairs|mends",
)
OBJECTS = (
    "guitar piano violin meal soup noodles car truck bicycle movie game news onion "
    "carrot phone laptop ball stick house picture engine bike"
).split()
PLACES = (
    "in the kitchen|inside a kitchen|at home",
    "on a stage|on the stage|in front of people",
    "in a park|outside|outdoors",
    "on the road|on a street|down the street",
    "in a studio|in a room|indoors",
    "on a field|on the grass|at the stadium",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=2990)
    parser.add_argument("--references", type=int, default=20)
    parser.add_argument("--evaluator", action="store_true")
    options = parser.parse_args()
    predictions, references = corpus(options.clips, options.references)
    print(f"{options.clips:,} clips of {options.references} references")
    if options.evaluator:
        _compare_evaluator(predictions, references)
    else:
        _compare_metrics(predictions, references)


def corpus(
    clips: int, references: int, seed: int = 0
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Draws a caption and references of each clip: one scene in other words."""
    random = np.random.default_rng(seed)
    captions, texts = {}, {}
    for number in range(clips):
        scene = [random.choice(kinds) for kinds in (SUBJECTS, ACTIONS, OBJECTS, PLACES)]
        *said, last = (_sentence(random, *scene) for _ in range(references + 1))
        captions[f"video{number}"], texts[f"video{number}"] = last, said
    return captions, texts


def _sentence(
    random: np.random.Generator, subject: str, action: str, thing: str, place: str
) -> str:
    words = ["a" if random.random() < 0.7 else "the"]
    if random.random() < 0.3:
        words.append(random.choice(ADJECTIVES))
    words += [subject, random.choice(action.split("|")), "a", thing]
    if random.random() < 0.6:
        words.append(random.choice(place.split("|")))
    return " ".join(words) + ("." if random.random() < 0.2 else "")


def stock_scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Scores as `pycocoevalcap.eval.COCOEvalCap` does, but for SPICE."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    found: dict[str, float] = {}
    with _our_java_on_the_path():
        words = PTBTokenizer()
        theirs = words.tokenize(
            {
                clip: [{"caption": t} for t in texts]
                for clip, texts in references.items()
            }
        )
        ours = words.tokenize(
            {clip: [{"caption": text}] for clip, text in predictions.items()}
        )
        _told("tokeniser")
        bleu, _ = Bleu(4).compute_score(theirs, ours, verbose=0)
        found |= {f"BLEU-{order}": value for order, value in enumerate(bleu, 1)}
        _told("BLEU")
        stock_meteor = Meteor()
        found["METEOR"], _ = stock_meteor.compute_score(theirs, ours)
        stock_meteor.__del__()
        _told("METEOR")
        found["ROUGE-L"], _ = Rouge().compute_score(theirs, ours)
        _told("ROUGE-L")
        found["CIDEr-D"], _ = Cider().compute_score(theirs, ours)
        _told("CIDEr-D")
    return found


@contextlib.contextmanager
def _our_java_on_the_path() -> Iterator[None]:
    """Lets pycocoevalcap call the Java that we call."""
    before = os.environ["PATH"]
    folder = pathlib.Path(java.executable()).parent
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


_last = [0.0, 0.0]


def _clocks() -> tuple[float, float]:
    own, children = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return time.monotonic(), cpu


def _told(part: str) -> None:
    """Prints what has passed since the last call."""
    now = _clocks()
    if part:
        wall, cpu = (a - b for a, b in zip(now, _last, strict=True))
        print(f"  {part:<12}{wall:8.1f} s wall {cpu:8.1f} s CPU", flush=True)
    _last[:] = now


def _compare_metrics(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> None:
    _told("")
    paraphrases.shared(java.jar("meteor/data/paraphrase-en.gz"))
    _told("paraphrases")
    spent = {}
    scores = {}
    for name, score in (("ours", _our_scores), ("pycocoevalcap", stock_scores)):
        print(name)
        _told("")
        before = _clocks()
        scores[name] = score(predictions, references)
        spent[name] = [b - a for a, b in zip(before, _clocks(), strict=True)]
    worst = max(
        abs(value - scores["pycocoevalcap"][name])
        for name, value in scores["ours"].items()
    )
    assert worst < 1e-9, worst
    print(f"largest difference of a score {worst:.1e}")
    for name, (wall, cpu) in spent.items():
        print(f"{name:<14}{wall:8.1f} s wall {cpu:8.1f} s CPU")
    ratios = [b / a for a, b in zip(spent["ours"], spent["pycocoevalcap"], strict=True)]
    print(f"{ratios[0]:.2f} × in wall time, {ratios[1]:.2f} × in CPU time")


def _our_scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    _forget()
    found = scorer.score(predictions, references)
    meteor.shared().close()  # so that its CPU time counts
    _told("all")
    return found


def _forget() -> None:
    """Makes the next scores begin as those of a new process do."""
    tokenizer._cache.clear()
    meteor._shared.cache_clear()


# ------------------------------------------------------------------ the Evaluator


def _compare_evaluator(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model, records = f"{folder}/model", f"{folder}/records"
        _write_model(model)
        _write_records(records, predictions, references)
        caption_metrics.write_references(f"{folder}/references.json", references)
        before = _clocks()
        expected = _our_scores(predictions, references)
        between = _clocks()
        _forget()
        scores = _analyse(folder, model, records)
        meteor.shared().close()
        after = _clocks()
    worst = max(abs(scores[name] - value) for name, value in expected.items())
    assert worst == 0, worst
    for name, start, end in (("scores", before, between), ("all", between, after)):
        wall, cpu = (b - a for a, b in zip(start, end, strict=True))
        print(f"{name:<14}{wall:8.1f} s wall {cpu:8.1f} s CPU")


class _Speaker(tf.Module):
    """Says what stands in the record."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        columns = {"said": tf.io.FixedLenFeature([], tf.string)}
        caption = tf.io.parse_example(examples, columns)["said"]
        return {"caption": caption, "log_probs": tf.zeros([tf.shape(caption)[0], 3])}


def _write_model(folder: str) -> None:
    speaker = _Speaker()
    signatures = {"serving_default": speaker.serve}
    tf.saved_model.save(speaker, folder, signatures=signatures)


def _write_records(
    path: str,
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
) -> None:
    with tf.io.TFRecordWriter(path) as writer:
        for clip, caption in predictions.items():
            columns = {
                schema.VIDEO_ID: [clip],
                schema.CAPTIONS: references[clip],
                "said": [caption],
            }
            features = {
                name: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[t.encode() for t in texts])
                )
                for name, texts in columns.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def _analyse(folder: str, model: str, records: str) -> dict[str, float]:
    config = tfma.utils.update_eval_config_with_defaults(
        analysis_config.eval_config([], f"{folder}/references.json"),
        has_baseline=False,
        rubber_stamp=True,
    )
    result = tfma.run_model_analysis(
        eval_shared_model=tfma.default_eval_shared_model(model, eval_config=config),
        eval_config=config,
        data_location=records,
        output_path=f"{folder}/analysis",
    )
    ((_, values),) = result.slicing_metrics
    return {
        name: value["doubleValue"]
        for name, value in values[""][""].items()
        if "doubleValue" in value
    }


if __name__ == "__main__":
    main()
