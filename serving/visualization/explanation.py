"""Captions a clip and collects what its picture and its film show, in one decoding."""

from __future__ import annotations

from serving.client.base import ClipCaptioner
from serving.client.caption_result import CaptionResult
from serving.visualization import clip_view
from serving.visualization.clip_view import ClipView


def explain(
    captioner: ClipCaptioner,
    clip: str,
    start: float | None = None,
    end: float | None = None,
    category: str = "",
) -> tuple[CaptionResult, ClipView]:
    """Captions a clip, and places what the model looked at in it.

    Args:
        captioner: A model of any kind.
        clip: The video file.
        start: Second at which the clip begins.
        end: Second at which it ends.
        category: The clip's category, for models that read it.
    """
    spec, axes = captioner.spec, captioner.weight_axes
    keep = [clip_view.frame_request(spec, axes)]
    extraction = captioner.extract(clip, start, end, keep)
    record = captioner.to_record(extraction, category)
    (result,) = captioner.caption_examples([record])
    (first_pass,) = captioner.caption_first_pass([record]) or (None,)
    view = clip_view.build_view(
        spec,
        axes,
        result,
        clip_view.Clip(clip, extraction.features, extraction.boxes, extraction.frames),
        first_pass,
    )
    return result, view
