"""Precisions and packed kernels of exported models."""
