"""guard: a gateway that stands in front of AI model endpoints."""

__version__ = "0.1.0"
