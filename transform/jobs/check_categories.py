"""Checks the clips' categories against the feature that is made of them."""

from __future__ import annotations

from collections.abc import Iterable

from transform.datasets import AnnotationError, VideoRecord
from transform.schema import Category, FeatureSpec


def check(clips: Iterable[VideoRecord], spec: FeatureSpec) -> None:
    """Raises `AnnotationError` if a clip has a category that the feature does not.

    A clip without a category is as good as one without sound.
    """
    for feature in spec.features:
        if not isinstance(feature, Category):
            continue
        for clip in clips:
            if clip.category and clip.category not in feature.names:
                raise AnnotationError(
                    f"clip {clip.video_id} has the category {clip.category!r}, which "
                    f"feature {feature.name} does not know: add it to the feature's "
                    f"`names` ({', '.join(feature.names)}), or correct the annotation."
                )
