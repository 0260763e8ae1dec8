"""The component that pushes a blessed model."""
