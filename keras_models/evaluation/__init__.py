"""Captions for whole splits, and their scores."""
