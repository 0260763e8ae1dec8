"""One HTML page about a model: scores, baselines, slices, clips with attention."""
