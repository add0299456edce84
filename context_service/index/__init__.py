"""The search index: derived from the records, always rebuildable."""
