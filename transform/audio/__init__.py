"""Sound: spectra, bags of audio words and their codebooks."""
