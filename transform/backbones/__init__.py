"""Frozen feature networks, one a file."""
