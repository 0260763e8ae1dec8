"""Decoding: sees only `start` and `step`."""
