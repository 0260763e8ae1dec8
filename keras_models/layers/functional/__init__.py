"""Functions on tensors that layers share."""
