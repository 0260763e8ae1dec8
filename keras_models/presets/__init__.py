"""The papers' models as they were trained, a module for each system."""
