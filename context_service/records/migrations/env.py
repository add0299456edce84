"""What Alembic runs around the steps: they use the connection, and the open transaction, of whoever asked (see `schema.py`)."""

from alembic import context

from context_service.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
