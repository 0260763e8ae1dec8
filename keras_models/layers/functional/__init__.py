"""Functions on tensors that several layers share."""
