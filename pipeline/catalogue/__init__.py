"""Looks at data before anything is computed: what is there, and what will go wrong."""
