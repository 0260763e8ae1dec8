"""Models with kernels of eight bits, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from keras_models.decoders.decoder import Decoder
from keras_models.inference.int8_embedding import QuantisedTable
from keras_models.inference.int8_kernel import QuantisedKernel
from keras_models.layers.projection import laid_out


@contextlib.contextmanager
def quantised(model: tf.Module) -> Iterator[None]:
    """Lets a built model read copies in eight bits, for as long as it lasts.

    They are its projections' kernels and, in place of words' vectors that are only
    projected, a table of their projections. All else computes in float32. For graphs
    only.
    """
    modules = (model, *model.submodules)
    decoders = [each for each in modules if isinstance(each, Decoder)]
    with laid_out(model, QuantisedKernel):
        try:
            for decoder in decoders:
                projection = decoder.word_projection()
                if projection is not None and projection.fast is not None:
                    decoder.word_table = QuantisedTable(
                        decoder.embedding.embeddings, projection.kernel, projection.bias
                    )
            yield
        finally:
            for decoder in decoders:
                decoder.word_table = None
