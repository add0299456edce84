"""Alembic's steps from an empty database to the tables in `tables.py`, run by `schema.py`."""
