"""Readers of the formats that networks' weights are published in, one a file."""
