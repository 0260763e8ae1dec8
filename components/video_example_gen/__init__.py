"""Videos and annotations → Examples and a manifest."""
