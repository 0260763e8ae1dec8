"""Pushing models to the folder that a model server watches."""
