"""The papers' models with their plans of training, one module for each paper."""
