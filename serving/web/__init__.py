"""A gateway in front of a server: videos in, captions out, and a page for people."""
