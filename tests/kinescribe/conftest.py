from tests.support.served_models import (
    broken_clip,
    captioner,
    captioning_model,
    clip,
    doubling_model,
    exported,
    spec,
    vocabulary,
)

__all__ = [
    "broken_clip",
    "captioner",
    "captioning_model",
    "clip",
    "doubling_model",
    "exported",
    "spec",
    "vocabulary",
]
