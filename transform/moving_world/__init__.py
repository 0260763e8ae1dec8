"""The synthetic corpus with known answers."""
