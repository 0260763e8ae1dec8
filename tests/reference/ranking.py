"""Max-margin ranking with the hardest negatives (Faghri et al., 2018), in loops."""

import numpy as np


def ranking_loss(scores, own, related, there, margin):
    """(B, R) scores, (R,) own clip, (B, R) related, (R,) there → the mean loss."""
    clips, captions = scores.shape
    losses = []
    for caption in range(captions):
        if not there[caption]:
            continue
        clip = own[caption]
        right = scores[clip, caption]
        loss = 0.0
        wrong_captions = [
            scores[clip, other]
            for other in range(captions)
            if there[other] and not related[clip, other]
        ]
        if wrong_captions:
            loss += max(0.0, margin + max(wrong_captions) - right)
        wrong_clips = [
            scores[other, caption]
            for other in range(clips)
            if not related[other, caption]
        ]
        if wrong_clips:
            loss += max(0.0, margin + max(wrong_clips) - right)
        losses.append(loss)
    return np.mean(losses) if losses else 0.0


def related(video_ids, captions):
    """(B,) ids and B lists of K captions → (B, B · K): who may describe whom.

    A caption describes a clip if it is of a clip of that id, or the same, word by word,
    as one that is.
    """
    flat = [(clip, text) for clip, texts in enumerate(captions) for text in texts]
    table = np.zeros((len(video_ids), len(flat)), bool)
    for clip, video_id in enumerate(video_ids):
        of_clip = [text for other, text in flat if video_ids[other] == video_id]
        for column, (other, text) in enumerate(flat):
            same = any(np.array_equal(text, known) for known in of_clip)
            table[clip, column] = video_ids[other] == video_id or same
    return table
