"""The preprocessing function that TFX Transform runs."""
