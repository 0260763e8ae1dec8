"""The features of one clip, as a model that was exported elsewhere wants them."""

from __future__ import annotations

import functools

from transform.extractors.clip_extractor import Extraction, Extractor
from transform.records import example_codec
from transform.schema import FeatureSpec


@functools.lru_cache(maxsize=2)
def extractor_of(spec: FeatureSpec) -> Extractor:
    """Returns the extractor of a specification, which is kept for the next clip."""
    return Extractor(spec)


def record_of_extraction(
    spec: FeatureSpec, extraction: Extraction, category: str = ""
) -> bytes:
    """Serializes a clip's extracted features as a record without captions.

    Args:
        spec: What the features were made by.
        extraction: The clip.
        category: The clip's category, for models that read it.
    """
    video = example_codec.VideoExample("", (), extraction.features, category)
    return example_codec.to_example(video, spec).SerializeToString()
