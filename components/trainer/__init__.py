"""The `run_fn` of TFX's Trainer component."""
