"""The video-sentence embedding that late fusion ranks captions by."""
