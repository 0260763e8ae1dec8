"""Whether new clips are like those that the served model was trained on."""
