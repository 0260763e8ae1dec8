"""Annotation files → clips with captions."""
