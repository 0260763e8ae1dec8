"""Video encoders: once per video, they see no word."""
