"""Thin TFX components around `transform`, `keras_models` and `serving`."""
