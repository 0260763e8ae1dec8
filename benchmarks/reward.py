"""CIDEr-D rewards a second: ours against pycocoevalcap's scorer, same values.

    python benchmarks/reward.py [--clips 2000] [--references 20]

Captions are drawn from a Zipf-like vocabulary so that n-grams repeat as they do in real
corpora. Both scorers get the same words; ours has hashed the references once before, as
in training, where the same references are used at every step. Times are CPU times of
one process, the least of several rounds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from pycocoevalcap.cider.cider_scorer import CiderScorer

from keras_models.metrics import METRICS
from keras_models.objectives.rewards import EOS, RewardConfig, RewardEngine

VOCABULARY = 10_000
CLIPS, SAMPLES = 64, (1, 5)  # of a training step: clips, captions sampled of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--references", type=int, default=20)
    parser.add_argument("--compared", type=int, default=500, help="captions for both")
    options = parser.parse_args()

    random = np.random.default_rng(0)
    references = {
        f"clip{clip}": _topic_captions(random, options.references)
        for clip in range(options.clips)
    }
    print(f"{options.clips} clips of {options.references} references")

    start = time.process_time()
    cider_d = RewardEngine(references, RewardConfig())
    print(f"references counted once in {time.process_time() - start:.2f} s")

    names = list(references)[: options.compared]
    tokens = _padded([_disturbed(random, references[name][0]) for name in names])
    ours, seconds = _least(lambda: cider_d.score(names, tokens), rounds=7)
    theirs, stock_seconds = _stock(references, names, tokens)
    worst = np.abs(ours - theirs.astype(np.float32)).max()
    exact = np.abs(_float64(cider_d, names, tokens) - theirs).max()
    assert exact < 1e-9, exact
    rates = len(names) / seconds, len(names) / stock_seconds
    print(f"largest difference {exact:.1e} ({worst:.1e} as float32)")
    print(f"pycocoevalcap {rates[1]:>10,.0f} captions/s")
    print(f"ours          {rates[0]:>10,.0f} captions/s, {rates[0] / rates[1]:.0f} ×")

    three_metrics = RewardEngine(references, RewardConfig(bleu_4=1.0, rouge_l=1.0))
    two_metrics = RewardEngine(references, RewardConfig(bleu_4=1.0))
    for samples in SAMPLES:
        clips = np.repeat(random.integers(options.clips, size=CLIPS), samples)
        names = [f"clip{clip}" for clip in clips]
        tokens = _padded([_disturbed(random, references[name][0]) for name in names])
        for what, engine in (
            ("CIDEr-D", cider_d),
            ("CIDEr-D + BLEU-4", two_metrics),
            ("CIDEr-D + BLEU-4 + ROUGE-L", three_metrics),
        ):
            _, seconds = _least(lambda e=engine, n=names, t=tokens: e.score(n, t), 15)
            print(f"{CLIPS} × {samples}: {what:<27} {1000 * seconds:6.2f} ms")


def _topic_captions(random: np.random.Generator, count: int) -> list[list[int]]:
    """Draws the captions of one clip, each of 6 to 14 words of a small set."""
    topic = 4 + random.zipf(1.3, 40) % VOCABULARY
    return [random.choice(topic, random.integers(6, 15)).tolist() for _ in range(count)]


def _disturbed(random: np.random.Generator, caption: list[int]) -> list[int]:
    """Returns a caption with a fifth of its words exchanged."""
    other = 4 + random.zipf(1.3, len(caption)) % VOCABULARY
    change = random.random(len(caption)) < 0.2
    return [int(word) for word in np.where(change, other, caption)]


def _padded(captions: list[list[int]]) -> np.ndarray:
    table = np.zeros((len(captions), max(map(len, captions)) + 1), np.int32)
    for row, caption in enumerate(captions):
        table[row, : len(caption) + 1] = [*caption, EOS]
    return table


def _stock(
    references: dict[str, list[list[int]]], names: list[str], tokens: np.ndarray
) -> tuple[np.ndarray, float]:
    """Returns the other scorer's values and CPU seconds, without counting n-grams."""
    corpus = CiderScorer()
    lines = {
        name: [" ".join(map(str, [*ids, EOS])) for ids in captions]
        for name, captions in references.items()
    }
    for captions in lines.values():
        corpus += ("", captions)
    corpus.compute_doc_freq()
    scorer = CiderScorer()
    scorer.document_frequency = corpus.document_frequency
    candidates = [" ".join(str(token) for token in row if token) for row in tokens]

    start = time.process_time()
    for name, candidate in zip(names, candidates, strict=True):
        scorer += (candidate, lines[name])
    # It takes the number of clips that it scores for the corpus' size.
    scorer.crefs = _Sized(scorer.crefs, len(lines))
    values = np.array(scorer.compute_cider())
    return values, time.process_time() - start


class _Sized(list):
    """A list that says it is as long as the corpus."""

    def __init__(self, items: list, size: int):
        super().__init__(items)
        self._size = size

    def __len__(self) -> int:
        return self._size


def _float64(engine: RewardEngine, names: list[str], tokens: np.ndarray) -> np.ndarray:
    candidates = engine.candidates(names, tokens)
    return METRICS["CIDEr-D"].per_clip(candidates, engine.references)


def _least(run: Callable[[], np.ndarray], rounds: int) -> tuple[np.ndarray, float]:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        values = run()
        times.append(time.process_time() - start)
    return values, min(times)


if __name__ == "__main__":
    main()
