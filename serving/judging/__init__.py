"""Measures a model beside the served one, and keeps the verdict of the gates."""
