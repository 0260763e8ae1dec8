"""The component that names the model to compare with."""
