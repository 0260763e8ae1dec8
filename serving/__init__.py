"""SavedModel signatures, export, the gRPC server and its client."""
