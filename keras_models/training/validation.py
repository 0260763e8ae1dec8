"""Validation of a captioner during training by its captions."""

from __future__ import annotations

import functools
from typing import Optional

import numpy as np

from keras_models.captioning_model import (
    BatchCaptions,
    CaptionGenerator,
    CaptioningModel,
)
from keras_models.data.records import MEMORY_BYTES, RecordDataset
from keras_models.generation import Greedy, SearchConfig
from keras_models.metrics import diversity
from keras_models.metrics.scorer import Scorer
from keras_models.metrics.vocabulary_cider import VocabularyCiderD
from keras_models.training.guards import BAD_ENDINGS, CIDER_D, DISTINCT_CAPTIONS
from keras_models.training.monitor import (
    VALIDATION_LOSS,
    Monitor,
    MonitorSetting,
    known_monitor,
)
from keras_models.training.validation_loss import ValidationLoss
from keras_models.training.validation_result import CaptionSample, ValidationResult
from transform.common.config import Config, Field, validator
from transform.common.errors import DataError

SAMPLES = 5  # captions that callbacks show


class ValidationConfig(Config):
    """How the weights of a run are compared: by captions of the validation clips."""

    # what chooses the best: a metric (cider_d, …), loss, or weights of several metrics
    monitor: MonitorSetting = "cider_d"
    search: SearchConfig = Greedy()  # how captions are written
    clips: Optional[int] = Field(None, ge=1)  # the first ones; all by default
    batch_size: int = Field(32, ge=1)  # clips of a batch

    _known_monitor = validator("monitor", allow_reuse=True)(known_monitor)


class CaptionValidator:
    """Captions the validation clips and computes the metrics of the captions.

    Args:
        model: The model whose current weights every call uses.
        config: Search and size of the batches.
        clips: The validation split. Clips without reference captions are captioned,
            but have no score.

    Raises:
        DataError: No clip has a reference caption.
    """

    def __init__(
        self,
        model: CaptioningModel,
        config: ValidationConfig,
        clips: RecordDataset,
    ):
        self.references = clips.references
        captioned = [clip.video_id for clip in clips.clips[: config.clips]]
        if not any(video_id in self.references for video_id in captioned):
            raise DataError(
                f"no clip of {', '.join(clips.files)} has a caption to validate with."
            )
        self._model = model
        self._generate = CaptionGenerator(model, config.search)
        self._videos = clips.videos(
            config.batch_size, model.captioner.config.features(), config.clips
        )
        if clips.decoded_bytes() <= MEMORY_BYTES:
            self._videos = self._videos.cache()
        self._tokenizer = model.vocabulary.tokenizer
        self._cider_d = VocabularyCiderD(self.references, self._tokenizer)

    def __call__(self, monitor: Monitor) -> ValidationResult:
        """Captions the clips with the current weights and returns the metrics.

        CIDEr-D, the number of different captions and the share of those that break off
        are always among them, anything else where it is monitored.
        """
        captions: dict[str, str] = {}
        samples: list[CaptionSample] = []
        for batch in self._generate.batches(self._videos):
            captions.update(zip(batch.video_ids, batch.captions, strict=True))
            samples.extend(self._samples(batch, SAMPLES - len(samples)))
        scored = {
            video_id: caption
            for video_id, caption in captions.items()
            if video_id in self.references
        }
        metrics = {
            CIDER_D: float(np.mean(list(self._cider_d.score(scored).values()))),
            DISTINCT_CAPTIONS: len(set(captions.values())),
            BAD_ENDINGS: diversity.bad_endings(captions.values()),
        }
        if monitor.weights.keys() == {VALIDATION_LOSS}:
            metrics[VALIDATION_LOSS] = self._loss(self._videos)
        elif others := monitor.weights.keys() - metrics.keys():
            metrics |= self._scorer.collect(scored, others).corpus()
        return ValidationResult(metrics, tuple(samples))

    @functools.cached_property
    def _loss(self) -> ValidationLoss:
        return ValidationLoss(self._model, self.references)

    @functools.cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.references, self._tokenizer)

    def _samples(self, batch: BatchCaptions, count: int) -> list[CaptionSample]:
        """Returns samples of the first `count` clips of a batch."""
        samples = []
        for row, video_id in enumerate(batch.video_ids[:count]):
            caption = batch.captions[row]
            references = self.references.get(video_id, ("",))
            length = len(caption.split()) + 1  # <eos> has weights, too
            attention = {
                name: _sum_over_cells(weights[row, :length].numpy())
                for name, weights in batch.attention.items()
            }
            samples.append(CaptionSample(video_id, caption, references, attention))
        return samples


def _sum_over_cells(weights: np.ndarray) -> np.ndarray:
    """Sums (L, T, …) attention weights of grid cells to the (L, T) of frames."""
    return weights.reshape(*weights.shape[:2], -1).sum(-1)
