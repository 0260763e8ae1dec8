"""`ServedConfig`: what an exported model computes in, and what it can be sent."""

from __future__ import annotations

from typing import ClassVar, Optional

from keras_models.inference.precision import ServedPrecision
from transform.common.config import Config


class ServedConfig(Config):
    """How a model is served, but for its search, which validation uses, too."""

    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"frames"})

    # what it computes in, by default its training's; int8 is float32 but for the
    # products with large kernels at every word
    precision: Optional[ServedPrecision] = None
    # callers may send pictures of key frames, too: the network that makes their
    # features is exported with it
    frames: bool = False


AS_TRAINED = ServedConfig()
