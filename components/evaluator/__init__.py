"""TFMA metrics and gates of captions."""
