"""The records of a dataset, with vocabulary, manifest and feature store."""
