"""Layers that encoders, attentions and decoders share."""
