"""A page about a model: its scores, curves, and clips with what it looked at."""
