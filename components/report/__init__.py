"""One HTML page about a model: scores, controls, slices, clips with attention."""
