"""Drafts, what they change, what holds them, and which release is read."""
