"""Declarations: reading the company's YAML, and what it says of each document."""
