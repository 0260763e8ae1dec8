"""Inference with kernels and word vectors in eight bits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from keras_models.decoders.decoder import Decoder
from keras_models.inference.int8_embedding import Int8Embedding
from keras_models.inference.int8_kernel import Int8Kernel
from keras_models.inference.kernel_layouts import packed_kernels


@contextlib.contextmanager
def int8_inference(model: tf.Module) -> Iterator[None]:
    """Lets a built model read copies in eight bits inside of the context.

    They are its projections' kernels and, in place of word vectors that are only
    projected, a table of their projections. All else computes in float32. For graphs
    only.

    Raises:
        KinescribeError: TensorFlow has no products in eight bits on this machine.
    """
    modules = (model, *model.submodules)
    decoders = [module for module in modules if isinstance(module, Decoder)]
    with packed_kernels(model, Int8Kernel):
        try:
            for decoder in decoders:
                projection = decoder.word_projection()
                if projection is not None and projection.inference_kernel is not None:
                    decoder.set_inference_kernel(
                        Int8Embedding(
                            decoder.embedding.embeddings,
                            projection.kernel,
                            projection.bias,
                        )
                    )
            yield
        finally:
            for decoder in decoders:
                decoder.set_inference_kernel(None)
