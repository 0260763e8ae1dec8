"""`Preset`: a model of a paper, and how the paper trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from keras_models.captioner_config import CaptionerConfig
from keras_models.data.training_batches import BatchConfig, PairBatches
from keras_models.ensembling.late_fusion import LateFusionConfig
from keras_models.generation import BeamSearch, SearchConfig
from keras_models.training.plan import Plan
from keras_models.training.pretrained_embeddings import WordVectorSource
from transform.common.config import Config, Field
from transform.datasets.splits import Splits


class RunSettings(Config):
    """The settings of a run that a paper gives besides the model and the plan.

    A run that leaves one out takes its preset's, but for `splits`: they are of the
    published corpora, and another one may come in the same format.
    """

    batch: BatchConfig = PairBatches(
        size=32
    )  # what an update sees, what an epoch counts
    max_words: int = Field(20, ge=1)  # longer captions are cut
    min_count: int = Field(1, ge=1)  # rarer words become <unk>
    # what the embeddings of words begin with; null for random vectors
    word_vectors: Optional[WordVectorSource] = None
    search: SearchConfig = BeamSearch(width=5)  # that writes captions
    # of corpora, by their kind, that the paper splits in its own way
    splits: Mapping[str, Splits] = Field({})

    def training(self) -> dict[str, Any]:
        """Returns the settings that are fields of `TrainingConfig`."""
        return {
            "batch": self.batch,
            "max_words": self.max_words,
            "word_vectors": self.word_vectors,
        }


class Preset(Config):
    """One row of a paper's table: a captioner, its training, and what its run needs."""

    paper: str  # the paper's name for its system
    row: str  # the table and the row that report it
    model: CaptionerConfig
    plan: Plan
    run: RunSettings = RunSettings()

    def variation(self, row: str, plan: Plan | None = None, **parts: Any) -> Preset:
        """Returns another row of the same paper, which differs in some parts.

        Args:
            row: The table and the row that report it.
            plan: The plan of its training, unless that is the same.
            parts: The fields of `CaptionerConfig` that differ.
        """
        return self.replace(
            row=row, model=self.model.replace(**parts), plan=plan or self.plan
        )


class LateFusionPreset(Config):
    """One row of a paper's table: a late fusion of several presets' models."""

    paper: str  # the paper's name for its system
    row: str  # the table and the row that report it
    model: LateFusionConfig  # its members have the names of their presets
