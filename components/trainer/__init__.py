"""The Trainer component's `run_fn`."""
