"""Brings the tables of a database to the form this code expects, and tells when somebody newer has changed them."""

from __future__ import annotations

from functools import cache
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from context_service.errors import StoreError
from context_service.records.backends import Backend, translated

MIGRATIONS = "context_service.records:migrations"

_ALEMBIC = Lock()
"""Alembic keeps what it works on in module globals: two threads would migrate each other's connections."""


def migrate(backend: Backend) -> None:
    """Upgrade to the schema of this code, from nothing if need be; one of several processes does it, the others wait.

    Raises StoreError when the database cannot be reached or has a schema that this code does not know.
    """
    with translated():
        with backend.reads.connect() as connection:
            if schema_of(connection) == expected_schema():
                return
        with backend.writes.begin() as connection:
            backend.queue(connection, "schema")
            _refuse_unknown(schema_of(connection))
            with _ALEMBIC:
                command.upgrade(alembic_config(connection), "head")


def schema_of(connection: Connection) -> str | None:
    """The revision that the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def expected_schema() -> str:
    """The revision that this code was written for."""
    return _scripts().get_current_head() or ""


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running the migrations inside the open transaction of `connection`."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", MIGRATIONS)
    return config


@cache
def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    return ScriptDirectory.from_config(config)


def _refuse_unknown(schema: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if schema is not None and schema not in known:
        raise StoreError(
            f"The records have schema {schema}, which this version does not know.",
            remedy="Install the newer version that wrote them, or point CONTEXT_RECORDS_URL at a database of their own.",
        )
