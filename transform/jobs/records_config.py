"""`RecordsConfig`: the part of a run's configuration that decides the records."""

from __future__ import annotations

from transform.common.config import Config
from transform.datasets import AnnotationSource
from transform.jobs.extraction_settings import ExtractionSettings
from transform.schema import FeatureSpec


class RecordsConfig(Config):
    """A corpus and its features; a run configuration has the same three settings."""

    corpus: AnnotationSource  # the annotated clips
    features: FeatureSpec  # what is extracted of each clip
    extraction: ExtractionSettings = ExtractionSettings()  # how the Beam job runs
