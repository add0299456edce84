"""Connectors, one module per kind of source."""
