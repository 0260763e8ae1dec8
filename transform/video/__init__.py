"""Video files: reading, decoding, the frames that features ask for, optical flow."""
