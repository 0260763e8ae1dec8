"""The embedded gRPC server, which speaks TensorFlow Serving's protocol."""
