"""Captions borrowed from the most similar training clips: a baseline without a decoder.

A decoder that writes no better captions than these is not worth its training (Devlin
et al., 2015, "Exploring nearest neighbor approaches for image captioning").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_models.encoders.feature_views import as_vectors
from keras_models.layers.functional.masking import masked_mean
from keras_models.metrics.vocabulary_cider import VocabularyCiderD
from keras_models.structs import VideoBatch

NEIGHBOURS = 8


def mean_vectors(videos: Iterable[VideoBatch]) -> tuple[list[str], np.ndarray]:
    """Returns the ids of N clips, and the means of their features side by side.

    Args:
        videos: Batches of clips; of each feature, a clip's mean over all places is
            scaled to length 1, or 0 where the clip has none.

    Returns:
        N ids and (N, D) float32.
    """
    ids: list[str] = []
    rows = []
    for video in videos:
        means = []
        for name, values in video.features.items():
            mask = video.masks[name]
            vectors = as_vectors(tf.cast(values, tf.float32), mask)
            means.append(tf.math.l2_normalize(masked_mean(vectors, mask), axis=-1))
        ids.extend(video_id.decode() for video_id in video.video_id.numpy())
        rows.append(tf.concat(means, axis=-1).numpy())
    return ids, np.concatenate(rows)


def consensus_captions(
    clips: tuple[list[str], np.ndarray],
    training: tuple[list[str], np.ndarray],
    references: Mapping[str, Sequence[str]],
    neighbours: int = NEIGHBOURS,
) -> dict[str, str]:
    """Captions each clip by the caption of its neighbours that the others agree with.

    The caption of the `neighbours` nearest training clips with the highest mean CIDEr-D
    against all of their captions is chosen.

    Args:
        clips: Ids and vectors of the clips to caption, as `mean_vectors` gives them.
        training: The same of training clips.
        references: Captions of the training clips; clips without any are passed over.
        neighbours: How many training clips are asked.
    """
    ids, vectors = clips
    rows = [row for row, clip in enumerate(training[0]) if references.get(clip)]
    names = [training[0][row] for row in rows]
    nearest = np.argsort(-vectors @ training[1][rows].T, axis=1, kind="stable")
    pools = {
        clip: [
            caption
            for row in nearest[index, :neighbours]
            for caption in references[names[row]]
        ]
        for index, clip in enumerate(ids)
    }
    # The training clips are there for the document frequencies.
    known = [references[name] for name in names]
    cider_d = VocabularyCiderD(
        {str(row): texts for row, texts in enumerate([*pools.values(), *known])}
    )
    chosen = {}
    for index, (clip, pool) in enumerate(pools.items()):
        candidates = list(dict.fromkeys(pool))
        scores = cider_d.score_rows([index] * len(candidates), candidates)
        chosen[clip] = candidates[int(np.argmax(scores))]
    return chosen
