"""Kinescribe writes sentences about videos.

    import kinescribe

    model = kinescribe.LocalModel("demo/pushed")
    print(model.caption_file("clip.mp4").caption)

The public names are imported when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_models.captioner import Captioner
    from keras_models.data.records import RecordDataset
    from keras_models.metrics.scorer import score
    from keras_models.presets.registry import PRESETS
    from serving.client.grpc_client import Client
    from serving.client.local_model import LocalModel
    from transform.extractors.clip_extractor import Extractor
    from transform.schema import FeatureSpec

__version__ = "0.1.0"
__all__ = [
    "PRESETS",
    "Captioner",
    "Client",
    "Extractor",
    "FeatureSpec",
    "LocalModel",
    "RecordDataset",
    "score",
]

_MODULES = {
    "LocalModel": "serving.client.local_model",  # an exported model in this process
    "Client": "serving.client.grpc_client",  # one behind a server
    "Extractor": "transform.extractors.clip_extractor",  # a clip's features
    "FeatureSpec": "transform.schema",  # what decides their values
    "RecordDataset": "keras_models.data.records",  # extracted clips
    "PRESETS": "keras_models.presets.registry",  # the models by name
    "Captioner": "keras_models.captioner",  # one of them, to train
    "score": "keras_models.metrics.scorer",  # captions against references
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
