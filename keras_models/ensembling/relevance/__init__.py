"""A video-sentence embedding, by which late fusion ranks captions."""
