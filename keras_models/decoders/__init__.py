"""Language models that are conditioned on an encoded video."""
