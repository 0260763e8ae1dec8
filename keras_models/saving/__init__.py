"""The format of the folders that trained models are saved to."""
