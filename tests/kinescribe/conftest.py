import pytest

from kinescribe import preflight, settings_only
from tests.support.served_models import (
    broken_clip,
    captioner,
    captioning_model,
    clip,
    doubling_model,
    exported,
    spec,
    two_pass_captioner,
    two_pass_model,
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
    "two_pass_captioner",
    "two_pass_model",
    "vocabulary",
]


@pytest.fixture
def unchecked(monkeypatch):
    """Commands go on without looking at what they were told first."""
    monkeypatch.setattr(preflight, "require", lambda *_, **__: None)


@pytest.fixture(autouse=True)
def with_tensorflow(monkeypatch):
    """No command of this process lets a stand-in answer for TensorFlow."""
    monkeypatch.setattr(settings_only, "install", lambda: None)
