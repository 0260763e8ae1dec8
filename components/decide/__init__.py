"""Whether there is anything to train, and what to start from."""
