"""The rows of the papers' tables, one module a system."""
