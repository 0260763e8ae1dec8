"""Rows of the papers' tables, trained alike on data and held against each other."""
