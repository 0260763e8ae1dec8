"""Language models over an encoded video."""
