"""Video → TFRecord: decoding, optical flow, frozen networks, annotations, Beam jobs."""
