"""Kinescribe writes sentences about videos.

    import kinescribe

    model = kinescribe.load_model("demo/pushed")
    print(model.caption_file("clip.mp4").caption)

The public names are imported when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_models.captioner import Captioner
    from keras_models.captioner_config import CaptionerConfig
    from keras_models.captioning_model import CaptioningModel
    from keras_models.data.training_batches import ClipBatches, PairBatches
    from keras_models.generation import BeamSearch, Greedy, Sampling
    from keras_models.metrics.scorer import score
    from keras_models.presets import registry as presets
    from keras_models.training.captioner_training import TrainingConfig
    from keras_models.training.plan import Plan
    from kinescribe.library import evaluate, export, load_model, train
    from serving.client.grpc_client import Client
    from transform.common.errors import KinescribeError
    from transform.extractors.clip_extractor import Extractor
    from transform.records.dataset import ExtractedDataset
    from transform.records.vocabulary import Vocabulary
    from transform.schema import FeatureSpec

__version__ = "0.1.0"
__all__ = [
    "BeamSearch",
    "Captioner",
    "CaptionerConfig",
    "CaptioningModel",
    "Client",
    "ClipBatches",
    "ExtractedDataset",
    "Extractor",
    "FeatureSpec",
    "Greedy",
    "KinescribeError",
    "PairBatches",
    "Plan",
    "Sampling",
    "TrainingConfig",
    "Vocabulary",
    "evaluate",
    "export",
    "load_model",
    "presets",
    "score",
    "train",
]

_MODULES = {
    "BeamSearch": "keras_models.generation",
    "Captioner": "keras_models.captioner",
    "CaptionerConfig": "keras_models.captioner_config",
    "CaptioningModel": "keras_models.captioning_model",
    "Client": "serving.client.grpc_client",
    "ClipBatches": "keras_models.data.training_batches",
    "ExtractedDataset": "transform.records.dataset",
    "Extractor": "transform.extractors.clip_extractor",
    "FeatureSpec": "transform.schema",
    "Greedy": "keras_models.generation",
    "KinescribeError": "transform.common.errors",
    "PairBatches": "keras_models.data.training_batches",
    "Plan": "keras_models.training.plan",
    "Sampling": "keras_models.generation",
    "TrainingConfig": "keras_models.training.captioner_training",
    "Vocabulary": "transform.records.vocabulary",
    "evaluate": "kinescribe.library",
    "export": "kinescribe.library",
    "load_model": "kinescribe.library",
    "score": "keras_models.metrics.scorer",
    "train": "kinescribe.library",
}


def __getattr__(name: str) -> Any:
    if name == "presets":
        return importlib.import_module("keras_models.presets.registry")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
