"""Settings, errors, storage, progress and weight files, for every package."""
