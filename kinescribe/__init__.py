"""Kinescribe writes sentences about videos."""

__version__ = "0.1.0"
