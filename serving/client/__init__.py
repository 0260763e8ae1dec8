"""Captions clips with a served or a local model."""
