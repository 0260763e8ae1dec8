"""Frozen networks that features are computed with, one a file."""
