"""The component that hands a split's captions to the metrics."""
