"""A corpus of random clips whose captions follow from their features."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform.records import example_codec
from transform.records.tokenizers import Words
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling, Png

COLOURS = ("red", "green", "blue", "white")
MOVES = ("rolls", "jumps", "spins")
PATTERNS = ("a {} ball {}", "the {} ball {} slowly", "there {} {} a ball")

SPEC = FeatureSpec(
    sampling=FrameSampling(frames=3, window=2),
    features=(
        Flow(size=16, encoding=Png()),
        FrameGrid(
            name="tiny", network="tiny", layer="top", size=8, grid=(2, 2), width=8
        ),
    ),
)


class Corpus(NamedTuple):
    """Records in files, a third of the clips in each."""

    spec: FeatureSpec
    files: list[str]
    vocabulary: Vocabulary
    references: dict[str, tuple[str, ...]]


def write(
    folder: pathlib.Path, clips: int = 24, seed: int = 0, spec: FeatureSpec = SPEC
) -> Corpus:
    """Writes a corpus: what a clip's captions say stands in its features.

    One that is there already is left alone.
    """
    rng = np.random.default_rng(seed)
    files = [str(folder / f"records-{shard:05d}-of-00003") for shard in range(3)]
    examples: list[list[bytes]] = [[], [], []]
    references = {}
    for clip in range(clips):
        colour, move = int(rng.integers(4)), int(rng.integers(3))
        captions = tuple(p.format(COLOURS[colour], MOVES[move]) for p in PATTERNS)
        grid = rng.normal(0, 0.05, (3, 2, 2, 8))
        grid[..., colour] += 1
        grid[..., 4 + move] += 1
        planes = np.ones((3, 16, 16, 2)) * rng.integers(0, 255, (3, 1, 1, 2))
        planes = planes.astype(np.uint8)
        video_id = f"clip{clip}"
        references[video_id] = captions
        example = example_codec.to_example(
            example_codec.VideoExample(
                video_id, captions, {"flow": planes, "tiny": grid}, category=str(colour)
            ),
            spec,
        )
        examples[clip % 3].append(example.SerializeToString())
    if not folder.exists():
        folder.mkdir(parents=True)
        for file, shard in zip(files, examples, strict=True):
            with tf.io.TFRecordWriter(file) as writer:
                for record in shard:
                    writer.write(record)
    every = [text for captions in references.values() for text in captions]
    words = sorted({word.decode() for word in Words().split(every).flat_values.numpy()})
    return Corpus(spec, files, Vocabulary(words), references)
