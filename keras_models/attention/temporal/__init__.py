"""One vector a clip from its frames' vectors, once per word."""
