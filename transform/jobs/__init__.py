"""Beam jobs and their settings."""
