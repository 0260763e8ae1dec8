"""Caption metrics for TensorFlow Model Analysis, equal to `metrics.scorer`'s.

Every metric derives its value, slice by slice, from one private collection of the
slice's captions, which TFMA makes once for all of them.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_util

from components.evaluator import analysis_config
from keras_models.metrics import METRICS, diversity
from keras_models.metrics.scorer import ScoreError, Scorer
from transform import schema
from transform.common.errors import KinescribeError
from transform.records import tokenizers

# Clip id → its caption and its references.
Corpus = dict[str, tuple[str, tuple[str, ...]]]

_CORPUS = "_captions"  # TFMA leaves names that begin so out of the results


class ReferencesError(KinescribeError, ValueError):
    """The file of references does not fit the evaluated records."""


def write_references(path: str, references: Mapping[str, Sequence[str]]) -> None:
    """Writes clip id → captions as JSON, on any file system that TensorFlow knows."""
    with tf.io.gfile.GFile(path, "w") as file:
        json.dump({clip: list(texts) for clip, texts in references.items()}, file)


def read_references(path: str) -> dict[str, list[str]]:
    """Reads the captions that `write_references` wrote."""
    try:
        with tf.io.gfile.GFile(path) as file:
            return json.load(file)
    except tf.errors.OpError as error:
        raise ReferencesError(
            f"cannot read {path}, which CIDEr-D takes its document frequencies from; "
            "write it with caption_metrics.write_references before the evaluation."
        ) from error
    except ValueError as error:
        raise ReferencesError(f"{path} is not valid JSON: {error}.") from error


# ------------------------------------------------------------------ the values


def _score(corpus: Corpus, metric: str, references: str, tokenizer: str = "") -> float:
    if references:
        scorer = _scorer_of(corpus, references, tokenizer)
    else:
        texts = {clip: texts for clip, (_, texts) in corpus.items()}
        scorer = Scorer(texts, tokenizers.from_json(tokenizer))
    captions = {clip: caption for clip, (caption, _) in corpus.items()}
    return scorer.collect(captions, [metric]).corpus()[metric]


def _describe(
    corpus: Corpus, measure: Callable[[Iterable[str]], float], tokenizer: str
) -> float:
    captions = [caption for caption, _ in corpus.values()]
    return float(measure(tokenizers.from_json(tokenizer).spaced(captions)))


def _scorer_of(corpus: Corpus, path: str, tokenizer: str) -> Scorer:
    """Returns the whole corpus' scorer, after checking that the slice belongs to it."""
    status = tf.io.gfile.stat(path) if tf.io.gfile.exists(path) else None
    version = (status.length, status.mtime_nsec) if status else (0, 0)
    references, scorer = _read_scorer(path, version, tokenizer)
    for clip, (_, texts) in corpus.items():
        expected = references.get(clip, [])
        if expected != list(texts) and sorted(expected) != sorted(texts):
            raise ReferencesError(
                f"{path} has other captions for clip {clip!r} than the evaluated "
                "records; write it anew from these records."
            )
    return scorer


@functools.lru_cache(maxsize=2)
def _read_scorer(
    path: str, version: tuple[int, int], tokenizer: str
) -> tuple[dict[str, list[str]], Scorer]:
    del version  # a file that was written anew is read anew
    references = read_references(path)
    try:
        return references, Scorer(references, tokenizers.from_json(tokenizer))
    except ScoreError as error:
        raise ReferencesError(f"{path}: {error}") from error


# ----------------------------------------------------------------- the corpus


class _CollectCaptions(beam.CombineFn):
    """Collects a slice's captions and references by clip id."""

    def __init__(self, key: tfma.metrics.MetricKey, eval_config: tfma.EvalConfig):
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> Corpus:
        return {}

    def add_input(
        self, corpus: Corpus, element: tfma.metrics.StandardMetricInputs
    ) -> Corpus:
        clip = _text(element.get_features()[schema.VIDEO_ID])
        pairs = metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
            squeeze=False,
            allow_none=True,
        )
        for references, caption, _ in pairs:
            texts = tuple(_text(text) for text in references.ravel())
            corpus[clip] = _text(caption), texts
        return corpus

    def merge_accumulators(self, accumulators: Iterable[Corpus]) -> Corpus:
        merged: Corpus = {}
        for corpus in accumulators:
            merged.update(corpus)
        return merged

    def extract_output(self, corpus: Corpus) -> dict[tfma.metrics.MetricKey, Corpus]:
        # Sums of floats depend on their order, which Beam does not promise.
        return {self._key: dict(sorted(corpus.items()))}


def _text(value: Any) -> str:
    """Unwraps a string that TFMA has nested in lists or arrays of any depth."""
    while not isinstance(value, bytes | str):
        value = value.ravel()[0] if hasattr(value, "ravel") else value[0]
    return value.decode() if isinstance(value, bytes) else str(value)


# ---------------------------------------------------------------- the metrics


def _computations(
    value: Callable[[Corpus], float],
    name: str,
    eval_config: tfma.EvalConfig | None = None,
    model_names: list[str] | None = None,
    output_names: list[str] | None = None,
    **settings: str,
) -> list:
    """Returns TFMA's computations: collect a model's captions, derive the value."""
    value = functools.partial(value, **settings)
    preprocessor = tfma.metrics.FeaturePreprocessor([schema.VIDEO_ID])
    computations: list = []
    for model, output in itertools.product(model_names or [""], output_names or [""]):
        corpus = tfma.metrics.MetricKey(_CORPUS, model, output)
        target = tfma.metrics.MetricKey(name, model, output)
        collect = _CollectCaptions(corpus, eval_config)
        derive = functools.partial(_derive, corpus, target, value)
        computations += [
            tfma.metrics.MetricComputation([corpus], [preprocessor], collect),
            tfma.metrics.DerivedMetricComputation([target], derive),
        ]
    return computations


def _derive(
    corpus: tfma.metrics.MetricKey,
    target: tfma.metrics.MetricKey,
    value: Callable[[Corpus], float],
    metrics: Mapping[tfma.metrics.MetricKey, Any],
) -> dict[tfma.metrics.MetricKey, float]:
    return {target: value(metrics[corpus])}


class _Score(tfma.metrics.Metric):
    """A TFMA metric with the values of one of the scorer's metrics.

    Args:
        name: Its name in the results.
        references: A file that `write_references` wrote of all evaluated clips. The
            document frequencies of CIDEr-D are this corpus'; without it those of the
            slice at hand.
        tokenizer: What splits captions into words, as JSON; the usual one by default.
    """

    metric = ""

    def __init__(self, name: str = "", references: str = "", tokenizer: str = ""):
        value = functools.partial(_score, metric=self.metric)
        super().__init__(
            functools.partial(_computations, value),
            name=name or self.metric,
            references=references,
            tokenizer=tokenizer,
        )


def metric_class(metric: str) -> type[_Score]:
    """Returns the TFMA class of a metric of the table, by the metric's name."""
    name = analysis_config.class_name(metric)
    members = {"metric": metric, "__module__": __name__, "__doc__": f"TFMA's {metric}."}
    return type(name, (_Score,), members)


# TFMA finds its classes by name in this module: `CiderD`, `Bleu4` and so on.
globals().update(
    {analysis_config.class_name(name): metric_class(name) for name in METRICS}
)


class _Description(tfma.metrics.Metric):
    """A property of the captions that needs no references.

    Args:
        name: Its name in the results.
        tokenizer: What splits captions into words, as JSON; the usual one by default.
    """

    measure: Callable[[Iterable[str]], float]

    def __init__(self, name: str = "", tokenizer: str = ""):
        value = functools.partial(_describe, measure=type(self).measure)
        super().__init__(
            functools.partial(_computations, value),
            name=name or type(self).measure.__name__,
            tokenizer=tokenizer,
        )


class CaptionLength(_Description):
    """The mean number of words in a caption."""

    measure = staticmethod(diversity.caption_length)


class VocabularySize(_Description):
    """The number of different words in all captions."""

    measure = staticmethod(diversity.vocabulary_size)


class Repetition(_Description):
    """The share of bigrams that stood in the same caption before."""

    measure = staticmethod(diversity.repetition)
