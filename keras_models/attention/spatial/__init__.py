"""One vector a frame from its cells, once per word."""
