"""Validation of a relevance model by retrieval of clips and captions."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_models.data.records import RecordDataset
from keras_models.ensembling.relevance import retrieval
from keras_models.ensembling.relevance.model import RelevanceModel
from keras_models.training.monitor import Monitor
from keras_models.training.validation_result import ValidationResult
from transform.records.vocabulary import Vocabulary

MONITOR = Monitor({"mean_reciprocal_rank": 1.0})
EMBEDDED_AT_ONCE = 256  # captions


class RetrievalValidator:
    """Retrieves the validation clips by their captions, and captions by their clips.

    Args:
        model: The model whose current weights every call uses.
        vocabulary: The vocabulary whose ids the model reads.
        dataset: The validation split; clips without captions are left out.
        batch_size: Number of clips that are embedded together.
        clips: Number of clips, the first ones; all when None.
    """

    def __init__(
        self,
        model: RelevanceModel,
        vocabulary: Vocabulary,
        dataset: RecordDataset,
        batch_size: int,
        clips: int | None = None,
    ):
        self._references = dataset.references
        self._videos = dataset.videos(batch_size, model.config.features(), clips)
        self._encode = lambda texts: vocabulary.encode(texts, model.max_words)
        self._embed_videos, self._embed_sentences = (
            tf.function(embed, autograph=False, reduce_retracing=True)
            for embed in (model.embed_videos, model.embed_sentences)
        )

    def __call__(self, monitor: Monitor = MONITOR) -> ValidationResult:
        """Embeds and ranks clips and captions, and returns `Retrieval`'s metrics."""
        del monitor  # which is one of them
        videos: list[np.ndarray] = []
        captions: list[str] = []
        clip_of_caption: list[int] = []
        for video in self._videos:
            embedded = self._embed_videos(video).numpy()
            for video_id, vector in zip(video.video_id.numpy(), embedded, strict=True):
                references = self._references.get(video_id.decode(), ())
                if references:
                    clip_of_caption += [len(videos)] * len(references)
                    captions += references
                    videos.append(vector)
        sentences = [
            self._embed_sentences(
                self._encode(tf.constant(captions[first : first + EMBEDDED_AT_ONCE]))[
                    None
                ]
            )[0]
            for first in range(0, len(captions), EMBEDDED_AT_ONCE)
        ]
        scores = np.stack(videos) @ np.concatenate(sentences).T  # (B, R)
        clips = np.array(clip_of_caption)
        related = retrieval.same_texts(clips, captions, len(videos))
        return ValidationResult(retrieval.measure(scores, clips, related)._asdict())
