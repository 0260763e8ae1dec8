"""Removes what no run, no server and no comparison needs any more."""
