"""Compiles the pipeline for Kubeflow Pipelines."""
