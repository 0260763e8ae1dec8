"""Callbacks of a training run: history files, progress bar, TensorBoard."""
