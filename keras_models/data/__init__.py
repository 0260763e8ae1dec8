"""TFRecord files as batches."""
