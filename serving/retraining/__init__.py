"""When a model is trained anew: what changed, and how far new clips have drifted."""
