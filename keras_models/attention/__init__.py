"""Step attentions: once per word."""
