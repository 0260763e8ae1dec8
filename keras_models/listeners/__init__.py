"""Who hears of a training run: history files, TensorBoard, a progress bar."""
