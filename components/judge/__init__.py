"""The component that gives the one verdict on a model."""
