"""Quiet frameworks before the first import of them, for every test process."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
