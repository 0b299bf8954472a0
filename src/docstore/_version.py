"""The one place that says which version this is; the changelog is held against it by a test."""

__version__ = "0.1.0"
