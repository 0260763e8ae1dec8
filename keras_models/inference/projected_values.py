"""Projection of attended values once a clip in place of once a word."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.attention.base import LinearAttention
from keras_models.decoders.decoder import Decoder
from keras_models.decoders.two_layer_lstm import ProjectedMemory, TwoLayerLSTM


def project_values(decoder: Decoder, memory: Any) -> Any:
    """Moves products with what attention reads from every word to once a clip.

    `TwoLayerLSTM` multiplies the attended G_t = Σ β v by W. Where its one attention is
    such a sum, W G_t = Σ β (W v), and neither W v nor the product with the clip vectors
    depends on the word. Dropout on G_t would: this is for inference alone.

    Args:
        decoder: The decoder that made the memory.
        memory: What `decoder.start` returned.

    Returns:
        The memory with projected values where the decoder allows it, else `memory`.
    """
    if not isinstance(decoder, TwoLayerLSTM):
        return memory
    match tuple(decoder.attentions), memory.attentions:
        case (LinearAttention() as attention,), (values,):
            projected = attention.project(values, decoder.upper_video)
            vectors = memory.clip_vectors
            clip = (decoder.upper_clip(tf.concat(vectors, -1)),) if vectors else ()
            return ProjectedMemory((projected,), clip)
    return memory
