"""What is told of a training run: files, progress bar, TensorBoard."""
