"""How good a captioner is while it is being trained."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from keras_models.captioning_model import (
    BatchCaptions,
    CaptionGenerator,
    CaptioningModel,
)
from keras_models.data.records import MEMORY_BYTES, RecordDataset
from keras_models.generation import Greedy, SearchConfig
from keras_models.metrics import diversity
from keras_models.metrics.vocabulary_cider import VocabularyCiderD
from keras_models.training.callbacks.callback import CaptionSample
from keras_models.training.guards import ValidationMetrics
from transform.common.config import Config, Field
from transform.common.errors import DataError

SAMPLES = 5  # captions that a person is shown


class ValidationConfig(Config):
    """How the best weights are told: CIDEr-D of captions for the validation clips."""

    search: SearchConfig = Greedy()
    clips: Optional[int] = Field(None, ge=1)  # the first ones; all by default
    batch_size: int = Field(32, ge=1)


class Validation(NamedTuple):
    """The captions of one validation, and what they are worth."""

    metrics: ValidationMetrics
    captions: dict[str, str]  # by video id
    samples: tuple[CaptionSample, ...]  # of the first clips


class Validator:
    """Captions the validation clips and scores them.

    Args:
        model: The model, whose current weights are used at every call.
        config: The settings.
        clips: The validation split; clips without captions are captioned too, but have
            no score.
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
        self._generate = CaptionGenerator(model, config.search)
        self._videos = clips.videos(
            config.batch_size, model.captioner.config.features(), config.clips
        )
        if clips.decoded_bytes() <= MEMORY_BYTES:
            self._videos = self._videos.cache()
        self._cider_d = VocabularyCiderD(self.references)

    def __call__(self) -> Validation:
        """Captions and scores with the captioner's current weights."""
        captions: dict[str, str] = {}
        samples: list[CaptionSample] = []
        for batch in self._generate.batches(self._videos):
            captions.update(zip(batch.video_ids, batch.captions, strict=True))
            samples.extend(self._samples(batch, SAMPLES - len(samples)))
        scores = self._cider_d.score(
            {
                video_id: caption
                for video_id, caption in captions.items()
                if video_id in self.references
            }
        )
        metrics = ValidationMetrics(
            score=float(np.mean(list(scores.values()))),
            distinct=len(set(captions.values())),
            bad_endings=diversity.bad_endings(captions.values()),
        )
        return Validation(metrics, captions, tuple(samples))

    def _samples(self, batch: BatchCaptions, count: int) -> list[CaptionSample]:
        """The first `count` clips of a batch."""
        found = []
        for row, video_id in enumerate(batch.video_ids[:count]):
            caption = batch.captions[row]
            references = self.references.get(video_id, ("",))
            places = len(caption.split()) + 1  # <eos> has weights, too
            attention = {
                name: _over_time(weights[row, :places].numpy())
                for name, weights in batch.attention.items()
            }
            found.append(CaptionSample(video_id, caption, references, attention))
        return found


def _over_time(weights: np.ndarray) -> np.ndarray:
    """(L, T, …) weights of places in frames → (L, T) of frames."""
    return weights.reshape(*weights.shape[:2], -1).sum(-1)
