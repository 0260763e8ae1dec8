"""What scoring MSR-VTT's test split takes, beside stock pycocoevalcap, same values.

    python benchmarks/evaluate.py [--clips 2990] [--parts metrics evaluator]

2,990 clips with 20 references each, as MSR-VTT's test split has; sentences are drawn
from a grammar of English words, so that METEOR finds stems, synonyms and paraphrases.
`metrics` scores them by all metrics, ours and pycocoevalcap's as its `COCOEvalCap`
calls them, tokenising both times, and compares the values. CPU times are those of this
process and of the Java processes that it has started and ended. `evaluator` measures
TFMA's run of these metrics on slices, when the metrics' own caches are warm: what is
left is the Evaluator's own.
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

from keras_models.metrics import java, meteor, scorer, tokenizer

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
    parts = ("metrics", "evaluator")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    options = parser.parse_args()
    predictions, references = corpus(options.clips, options.references)
    print(f"{options.clips:,} clips of {options.references} references")
    if "metrics" in options.parts:
        _compare_metrics(predictions, references)
    if "evaluator" in options.parts:
        _measure_evaluator(predictions, references)


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
    tokenizer._cache.clear()
    found = scorer.score(predictions, references)
    meteor.shared().close()  # so that its CPU time counts
    _told("all")
    return found


def _measure_evaluator(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> None:
    import tensorflow as tf
    import tensorflow_model_analysis as tfma

    from components.evaluator import caption_metrics
    from components.evaluator.analysis_config import eval_config

    print("evaluator")
    scorer.score(predictions, references)
    _told("")
    scorer.score(predictions, references)
    _told("metrics, kept")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        with tf.io.TFRecordWriter(str(place / "records")) as writer:
            for number, (clip, texts) in enumerate(references.items()):
                columns = {
                    "video_id": [clip],
                    "category": [f"category{number % 20}"],
                    "captions": texts,
                    "said": [predictions[clip]],
                }
                features = {
                    key: tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[t.encode() for t in some])
                    )
                    for key, some in columns.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
        speaker = _Speaker()
        served = {"serving_default": speaker.serve}
        tf.saved_model.save(speaker, str(place / "model"), signatures=served)
        path = str(place / "references.json")
        caption_metrics.write_references(path, references)
        config = tfma.utils.update_eval_config_with_defaults(
            eval_config(("category",), path)
        )
        _told("")
        tfma.run_model_analysis(
            eval_shared_model=tfma.default_eval_shared_model(
                str(place / "model"), eval_config=config
            ),
            eval_config=config,
            data_location=str(place / "records"),
            output_path=str(place / "out"),
        )
        _told("Evaluator")


def _Speaker() -> object:  # noqa: N802
    """A model that says what stands in a clip's record."""
    import tensorflow as tf

    class Speaker(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            columns = {"said": tf.io.FixedLenFeature([], tf.string)}
            return {"caption": tf.io.parse_example(examples, columns)["said"]}

    return Speaker()


if __name__ == "__main__":
    main()
