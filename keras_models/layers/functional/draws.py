"""Random numbers of a batch's rows, which rows of one caption may share."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import tensorflow as tf

_SOURCES: contextvars.ContextVar[tf.Tensor | None] = contextvars.ContextVar(
    "sources", default=None
)


@contextlib.contextmanager
def shared(sources: tf.Tensor | None) -> Iterator[None]:
    """Lets rows share what `uniform` draws for them within a `with` block.

    It reaches every layer that is called there, as `tf.name_scope` does. With it, two
    readings of a caption differ by what they read, and not by luck.

    Args:
        sources: (R,) integers: the row whose numbers each row gets. Rows that name the
            same one get the same numbers. With None, each has its own.
    """
    token = _SOURCES.set(sources)
    try:
        yield
    finally:
        _SOURCES.reset(token)


def uniform(generator: tf.random.Generator, shape: tf.Tensor) -> tf.Tensor:
    """Draws (R, …) numbers in [0, 1), float32; `shared` rows get the same ones."""
    drawn = generator.uniform(shape)
    sources = _SOURCES.get()
    return drawn if sources is None else tf.gather(drawn, sources)
