"""The component that extracts annotated videos to records and a manifest."""
