"""Training of captioners: stages, callbacks, checkpoints and guards."""
