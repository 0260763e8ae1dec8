"""The component that provides the model to compare with."""
