"""The records: the truth that everything else is derived from."""
