"""Trained captioners as SavedModels."""
