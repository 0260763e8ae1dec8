from tests.support.served_models import (
    broken_clip,
    captioner,
    clip,
    doubling_model,
    exported,
    model,
    spec,
    vocabulary,
)

__all__ = [
    "broken_clip",
    "captioner",
    "clip",
    "doubling_model",
    "exported",
    "model",
    "spec",
    "vocabulary",
]
