"""Draws the attention of a caption over the frames of its clip."""
