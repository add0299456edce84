"""Opening, migrating and protecting the records' database, on every backend."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from context_service.audit.chain import verify
from context_service.errors import StoreError
from context_service.records.schema import alembic_config, expected_schema
from context_service.records.sql import open_records
from context_service.records.tables import metadata
from tests.contract.records_values import database, entry

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
UNPROTECT = {
    "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
    "postgresql": ["DROP TRIGGER audit_append_only ON audit"],
}


@pytest.fixture(params=["sqlite-file", POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The database as somebody sees it who does not go through the store."""
    engine = create_engine(url)
    yield engine
    engine.dispose()


def open_and_close(url: str) -> str:
    store = open_records(url)
    try:
        return store.check()
    finally:
        store.close()


class TestSchema:
    def test_the_migrations_make_exactly_the_tables_of_the_code(self, url: str, engine: Engine) -> None:
        open_and_close(url)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []

    def test_going_down_empties_the_database_and_going_up_fills_it_again(self, url: str, engine: Engine) -> None:
        open_and_close(url)
        with engine.begin() as connection:
            command.downgrade(alembic_config(connection), "base")
        assert inspect(engine).get_table_names() == ["alembic_version"]
        assert open_and_close(url).endswith(f"schema {expected_schema()}")
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []

    def test_opening_again_keeps_what_is_stored(self, url: str) -> None:
        store = open_records(url)
        with store.writing() as tx:
            tx.set_cursor("docs", "page=7")
        store.close()
        store = open_records(url)
        assert store.cursor("docs") == "page=7"
        store.close()

    def test_processes_that_open_an_empty_database_together_all_succeed(self, url: str) -> None:
        program = "import sys; from context_service.records.sql import open_records; print(open_records(sys.argv[1]).check())"
        processes = [subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True) for _ in range(4)]
        said = [process.communicate(timeout=120)[0] for process in processes]
        assert said == [f"{open_and_close(url)}\n"] * 4

    def test_threads_can_open_databases_at_the_same_time(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(open_and_close, ["sqlite://"] * 24))) == 1

    def test_a_newer_schema_is_refused(self, url: str, engine: Engine) -> None:
        store = open_records(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="9999") as refused:
            open_records(url)
        assert "newer version" in refused.value.remedy
        with pytest.raises(StoreError, match="9999"):
            store.check()
        store.close()

    def test_the_check_names_backend_version_and_schema(self, url: str) -> None:
        assert re.fullmatch(r"(SQLite|PostgreSQL) \d+(\.\d+)+, schema \d{4}", open_and_close(url))


class TestReaching:
    @pytest.mark.parametrize("url", ["postgresql://context:s3cret@127.0.0.1:1/none", "postgres://context:s3cret@127.0.0.1:1/none"])
    def test_a_server_that_does_not_answer_is_an_error_with_a_remedy_and_without_the_password(self, url: str) -> None:
        with pytest.raises(StoreError) as failed:
            open_records(url)
        assert "CONTEXT_RECORDS_URL" in failed.value.remedy
        assert "s3cret" not in str(failed.value)

    def test_a_folder_that_does_not_exist_is_an_error_with_a_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="unable to open"):
            open_records(f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}")

    def test_a_file_that_is_no_database_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("Not a database. " * 100)
        with pytest.raises(StoreError, match="not a database"):
            open_records(f"sqlite:///{tmp_path / 'notes.txt'}")

    @pytest.mark.parametrize("url", ["", "records.db", "mysql://localhost/records", "http://localhost"])
    def test_a_url_of_something_else_is_refused(self, url: str) -> None:
        with pytest.raises(StoreError) as failed:
            open_records(url)
        assert "sqlite:///" in failed.value.remedy

    def test_a_relative_path_stays_where_it_was(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        store = open_records("sqlite:///records.db")
        monkeypatch.chdir("/")
        with store.exclusive("draft"), store.writing() as tx:
            tx.set_cursor("docs", "1")
            assert store.cursor("docs") is None, "a second connection opens the same file"
        store.close()
        assert {path.name for path in tmp_path.iterdir()} == {"records.db", "records.db.draft.lock"}

    def test_another_database_has_locks_of_its_own(self, url: str, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        with database("postgres" if url.startswith("postgresql") else "sqlite-file", elsewhere) as other_url:
            here, there = open_records(url), open_records(other_url)
            with here.exclusive("draft"), there.exclusive("draft"), here.writing() as tx, there.writing() as other_tx:
                tx.audit(entry("here"))
                other_tx.audit(entry("there"))
            here.close()
            there.close()

    def test_private_databases_are_apart_and_leave_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        first, second = open_records("sqlite://"), open_records("sqlite:///:memory:")
        with first.exclusive("draft"), second.exclusive("draft"), first.writing() as tx:
            tx.set_cursor("docs", "1")
        assert (first.cursor("docs"), second.cursor("docs")) == ("1", None)
        first.close()
        second.close()
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def audited(url: str) -> str:
    """A database with three audit records."""
    store = open_records(url)
    with store.writing() as tx:
        for number in range(1, 4):
            tx.audit(entry(f"context-{number}", amount=number))
    store.close()
    return url


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE audit SET payload = '{}' WHERE number = 2", "DELETE FROM audit WHERE number = 3", "DELETE FROM audit"],
    )
    def test_stored_records_cannot_be_changed_or_deleted(self, audited: str, engine: Engine, statement: str) -> None:
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
        store = open_records(audited)
        assert verify(store.audit_records()).intact == 3
        store.close()

    def test_replacing_and_truncating_are_refused_too(self, audited: str, engine: Engine) -> None:
        replace = "INSERT OR REPLACE INTO audit SELECT number, subject, action, '{}', previous, hash FROM audit WHERE number = 2"
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(replace if engine.dialect.name == "sqlite" else "TRUNCATE audit"))
        store = open_records(audited)
        assert verify(store.audit_records()).intact == 3
        store.close()

    @pytest.mark.parametrize(
        ("tampering", "broken"),
        [
            ("UPDATE audit SET payload = replace(payload, '\"amount\":2', '\"amount\":200') WHERE number = 2", 2),
            ("DELETE FROM audit WHERE number = 2", 3),
            ("UPDATE audit SET hash = repeat_of_zero WHERE number = 2", 2),
        ],
    )
    def test_whoever_drops_the_protection_and_tampers_is_seen(self, audited: str, engine: Engine, tampering: str, broken: int) -> None:
        zeros = "'" + "0" * 64 + "'"
        unprotected(engine, tampering.replace("repeat_of_zero", zeros))
        store = open_records(audited)
        found = verify(store.audit_records())
        store.close()
        assert found.broken == broken
        assert found.intact == 1

    def test_an_entry_made_unreadable_is_named(self, audited: str, engine: Engine) -> None:
        unprotected(engine, "UPDATE audit SET payload = 'gone' WHERE number = 2")
        store = open_records(audited)
        with pytest.raises(StoreError, match="record 2 cannot be read"):
            store.audit_records()
        store.close()


def unprotected(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        for drop in UNPROTECT[engine.dialect.name]:
            connection.exec_driver_sql(drop)
        connection.exec_driver_sql(statement)
