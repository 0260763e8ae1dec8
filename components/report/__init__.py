"""The component that writes a page of scores, slices and clips with attention."""
