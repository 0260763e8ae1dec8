"""Exports, evaluates, pushes and serves trained models; a client of the server."""
