"""Compares new clips with those that a served model was trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from serving.retraining.drift_config import DriftConfig
from transform.records import sample_distances
from transform.records.clip_table import CATEGORIES, ClipTable
from transform.records.vocabulary import Vocabulary

UNKNOWN_WORDS = "unknown_words"


class Column(NamedTuple):
    """How far one column of the new clips is from that of the training clips."""

    name: str
    distance: float
    by_chance: float  # hardly ever more, were nothing different
    allowed: float

    @property
    def drifted(self) -> bool:
        """Whether it is farther than allowed, and not by chance."""
        return self.distance > max(self.allowed, self.by_chance)

    def in_words(self) -> str:
        """Returns the figure with what is allowed, and what chance might give."""
        chance = f", chance gives {self.by_chance:.2f}" if self.by_chance else ""
        return f"{self.name} {self.distance:.2f} ({self.allowed:g} is allowed{chance})"


class Findings(NamedTuple):
    """What was compared, and how far apart it is."""

    sentence: str
    columns: tuple[Column, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether any of the columns drifted."""
        return any(column.drifted for column in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON types."""
        return {
            "sentence": self.sentence,
            "drifted": self.drifted,
            "columns": [
                {**column._asdict(), "drifted": column.drifted}
                for column in self.columns
            ],
        }


def compare(
    then: ClipTable,
    now: ClipTable,
    version: str,
    words: Vocabulary,
    rules: DriftConfig,
) -> Findings:
    """Compares the clips that are new in `now` with the training clips of `then`.

    Args:
        then: The clips that the served model's run had.
        now: The clips at hand, with captions.
        version: Of the served model.
        words: Those that it knows, and how it splits captions.
        rules: What is allowed.
    """
    new = now.where(~np.isin(now.columns["key"], then.columns["key"]))
    if len(new) < rules.min_clips:
        return Findings(
            f"Drift is not measured: {len(new)} of {len(now):,} clips are new since "
            f"version {version}, fewer than retrain.drift.min_clips = "
            f"{rules.min_clips}."
        )
    trained = then.where(then.columns["split"] == "train")
    columns = sorted(_columns(trained, new, rules), key=lambda c: -c.distance)
    columns.append(
        Column(UNKNOWN_WORDS, _unknown(new, words), 0.0, rules.unknown_words)
    )
    about = f"the {len(new):,} clips that are new since version {version}"
    far = [column.in_words() for column in columns if column.drifted]
    if far:
        return Findings(
            f"Drift: {about} are unlike the {len(trained):,} that it was trained on: "
            f"{'; '.join(far)}.",
            tuple(columns),
        )
    return Findings(
        f"No drift: {about} are like the {len(trained):,} that it was trained on.",
        tuple(columns),
    )


def _columns(then: ClipTable, now: ClipTable, rules: DriftConfig) -> list[Column]:
    names = [n for n in now.numbers if n in then.columns]
    categories = [n for n in CATEGORIES if n in then.columns]
    total = len(names) + len(categories)
    found = []
    for name in names:
        measured = sample_distances.of_numbers(
            then.columns[name], now.columns[name], total
        )
        if measured:
            found.append(Column(name, *measured, rules.numbers))
    for name in categories:
        measured = sample_distances.of_categories(
            then.columns[name], now.columns[name], total
        )
        if measured:
            found.append(Column(name, *measured, rules.categories))
    return found


def _unknown(clips: ClipTable, vocabulary: Vocabulary) -> float:
    """Returns the share of the captions' words that a model does not know."""
    captions = [text for texts in clips.captions for text in texts]
    if not captions:
        return 0.0
    spoken = vocabulary.tokenizer.split(tf.constant(captions)).flat_values.numpy()
    known = frozenset(vocabulary.words)
    return sum(word.decode() not in known for word in spoken) / max(len(spoken), 1)
