"""Pictures of what a caption looked at."""
