"""The one wiring of the TFX pipeline, its configuration and its local runner."""
