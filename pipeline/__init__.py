"""The TFX pipeline, its configuration and its local runner."""
