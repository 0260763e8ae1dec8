"""The component that writes the schema of the records."""
