"""Several captioners as one."""
