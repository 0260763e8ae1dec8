"""ψ: what is taken of weighed items."""
