"""TFRecord batch → captions and losses: encoders, attentions, decoders, search."""
