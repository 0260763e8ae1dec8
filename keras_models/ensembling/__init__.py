"""Composite captioners, which are made of several: ensembles and late fusions."""
