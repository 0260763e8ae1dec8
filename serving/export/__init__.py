"""Exports trained captioners as SavedModels."""
