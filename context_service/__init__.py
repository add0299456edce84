"""The context service: governed knowledge for customer-facing agents."""

__version__ = "0.1.0"
