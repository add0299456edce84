"""What SQLite and PostgreSQL do differently: connecting, transactions, locks. Nothing else here asks which one it is on.

SQLite runs in WAL mode, where readers and the one writer never wait for each other, with `synchronous=NORMAL`: a killed process loses
nothing, a crash of the whole machine may lose the last commits and never the file's consistency. What is lost then is a suffix of
transactions, so the head, its rows and their audit entries are lost or kept together, and the next sync brings them again.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import TextIO
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, literal, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.elements import ColumnElement

from context_service.errors import DraftConflict, StoreError

CHECKPOINT_PAGES = 1_000
"""Pages in SQLite's log of writes after which whoever works on drafts brings them into the file: SQLite's own default."""

CHECKPOINT_PAGES_OF_OTHERS = 20_000
"""The same for everybody else. The commit that reaches it waits for the disk, and an answer shall not wait for what a draft wrote."""

PATIENCE_MS = 30_000
"""Milliseconds that a SQLite writer waits for its turn."""

CONNECT_SECONDS = 10
"""Seconds that PostgreSQL may take to accept a connection."""


class Backend(ABC):
    """A database: `reads` opens transactions that see one state of it, `writes` opens those that change it."""

    name: str
    reads: Engine
    writes: Engine

    @abstractmethod
    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that can be given an ON CONFLICT; SQLAlchemy has one of its own for each database."""

    @abstractmethod
    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock `name` against every other process and thread. Raises DraftConflict at once when it is held."""

    @abstractmethod
    def queue(self, connection: Connection, name: str) -> None:
        """Wait until no other open transaction has queued under `name`; lasts until this one ends."""

    def close(self) -> None:
        """Release connections."""
        self.writes.dispose()

    def title(self) -> str:
        """Name and version of the database. Raises StoreError when it cannot be reached."""
        with translated(), self.reads.connect() as connection:
            return f"{self.name} {'.'.join(map(str, connection.dialect.server_version_info or ()))}"


class Sqlite(Backend):
    """A SQLite file. Without a path it is a private one that ends with this object, so that it behaves in every way like any other."""

    name = "SQLite"

    def __init__(self, path: str | None) -> None:
        self._private_folder: str | None = None
        if not path:
            self._private_folder = tempfile.mkdtemp(prefix="context-service-")
            weakref.finalize(self, shutil.rmtree, self._private_folder, ignore_errors=True)
            path = f"{self._private_folder}/records.db"
        self._path = Path(path).absolute()
        self.reads = create_engine(URL.create("sqlite", database=str(self._path)), hide_parameters=True)
        self.writes = self.reads.execution_options(begin="BEGIN IMMEDIATE")
        event.listen(self.reads, "connect", _prepare_sqlite)
        event.listen(self.reads, "begin", self._begin)
        self._holds = threading.local()

    def insert(self, table: Table) -> sqlite.Insert:
        """SQLite's INSERT."""
        return sqlite.insert(table)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """A lock of the operating system on a file beside the database. A child forked while it is held, and not replaced by exec, holds
        it too.
        """
        with _file_lock(self._path.with_name(f"{self._path.name}.{quote(name, safe='')}.lock"), name):
            self._holds.locks = getattr(self._holds, "locks", 0) + 1
            try:
                yield
            finally:
                self._holds.locks -= 1

    def queue(self, connection: Connection, name: str) -> None:
        """Nothing to wait for: SQLite has one writer at a time."""

    def _begin(self, connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads first and writes later would fail when another one has written in between.
        begin = connection.get_execution_options().get("begin")
        if begin:
            pages = CHECKPOINT_PAGES if getattr(self._holds, "locks", 0) else CHECKPOINT_PAGES_OF_OTHERS
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {pages}")
        connection.exec_driver_sql(begin or "BEGIN")

    def close(self) -> None:
        """Release connections, and remove a private file."""
        super().close()
        if self._private_folder:
            shutil.rmtree(self._private_folder, ignore_errors=True)


class Postgres(Backend):
    """A PostgreSQL database, in the first schema of its search path. A pooler before it has to pool sessions, which its locks belong to."""

    name = "PostgreSQL"

    def __init__(self, url: URL) -> None:
        patient = {"connect_timeout": CONNECT_SECONDS} if "connect_timeout" not in url.query else {}
        self.writes = create_engine(url, connect_args=patient, pool_pre_ping=True, hide_parameters=True)
        self.reads = self.writes.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def insert(self, table: Table) -> postgresql.Insert:
        """PostgreSQL's INSERT."""
        return postgresql.insert(table)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """A lock of the server on a session of its own. It is lost when that session is, which only `publish` notices."""
        return _session_lock(self.writes, name)

    def queue(self, connection: Connection, name: str) -> None:
        """A lock of the server that ends with the transaction."""
        connection.execute(select(func.pg_advisory_xact_lock(_lock_key(name))))


def open_backend(url: str) -> Backend:
    """The backend behind a SQLAlchemy URL; connects later. Raises StoreError on a URL of neither kind."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _unknown_url() from error
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(parsed.database if parsed.database != ":memory:" else None)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return Postgres(parsed.set(drivername="postgresql+psycopg"))
    raise _unknown_url()


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the database says into StoreError. The message holds no parameters, which may be a customer's data."""
    try:
        yield
    except StatementError as error:
        if isinstance(error.orig, StoreError):
            raise error.orig from None
        raise _store_error(error, str(error.orig)) from error
    except SQLAlchemyError as error:
        raise _store_error(error, str(error)) from error


def _unknown_url() -> StoreError:
    return StoreError(
        "The records URL names no database that can hold them.",
        remedy="Set CONTEXT_RECORDS_URL to sqlite:///path/to/records.db or postgresql://user:password@host/database.",
    )


def _store_error(error: SQLAlchemyError, said: str) -> StoreError:
    reason = said.strip().partition("\n")[0].removesuffix(".")
    if isinstance(error, IntegrityError):
        return StoreError(f"The records refused a write: {reason}.", remedy="Check that ids are new and that what they refer to is stored.")
    return StoreError(
        f"The records cannot be used: {reason}.",
        remedy="Check CONTEXT_RECORDS_URL, that its server runs or its folder can be written, and that no other process keeps it locked.",
    )


def _prepare_sqlite(connection: SqliteConnection, _: ConnectionPoolEntry) -> None:
    # Python's sqlite3 would begin transactions late, and none for reads or DDL: SQLAlchemy begins them instead (see Sqlite._begin).
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _file_lock(path: Path, name: str) -> Iterator[None]:
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(name) from error
        yield


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise StoreError(f"The lock file {path} cannot be opened: {error.strerror}.", remedy="Make its folder writable.") from error


@contextmanager
def _session_lock(engine: Engine, name: str) -> Iterator[None]:
    key = _lock_key(name)
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(key))):
            raise _held(name)
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(key)))


def _lock_key(name: str) -> ColumnElement[int]:
    # PostgreSQL shares its locks among all schemas of a database.
    return func.hashtextextended(func.current_schema() + literal(f":{name}"), 0)


def _held(name: str) -> DraftConflict:
    return DraftConflict(f"The {name} is in use by another ingest or reindex.", remedy="Wait until it has ended and try again.")
