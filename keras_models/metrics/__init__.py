"""Caption metrics: fast ones, and the reference scorers."""
