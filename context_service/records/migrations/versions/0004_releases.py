"""Drafts, what is read and what was read when; the columns that retention looks up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")
PAGE = 5_000
MIGRATION = "migration"
ADDED_COLUMNS = [("chunks", "embedding_key", "ix_chunks_embedding_key"), ("revisions", "version", "ix_revisions_version")]


def upgrade() -> None:
    """What was published becomes releases and moves of the head; rows after the head become the open draft that they were."""
    connection = op.get_bind()
    published = connection.execute(sa.text("SELECT number, published_at FROM releases ORDER BY number").columns(published_at=MOMENT)).all()
    number = connection.execute(sa.text("SELECT number FROM head")).scalar_one()
    _replace_head(number, _issued(connection, number))
    _replace_releases([(row.number, row.published_at) for row in published])
    _add_drafts(connection, number)
    op.add_column("chunks", sa.Column("embedding_key", TEXT))
    _fill_embedding_keys(connection)
    for table, column, index in ADDED_COLUMNS:
        op.create_index(index, table, [column])


def downgrade() -> None:
    """What no published release reads, and who published when and why, is lost."""
    connection = op.get_bind()
    for table, _, index in ADDED_COLUMNS:
        op.drop_index(index, table)
    op.drop_column("chunks", "embedding_key")
    rows = connection.execute(sa.text("SELECT number, payload FROM releases")).all()
    number = connection.execute(sa.text("SELECT coalesce(max(number), 0) FROM releases")).scalar_one()
    for table in ("drafts", "head_moves", "releases", "head"):
        op.drop_table(table)
    head = op.create_table(
        "head",
        sa.Column("row", sa.Integer(), sa.CheckConstraint("row = 1", name="head_one_row"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    releases = op.create_table(
        "releases",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("published_at", MOMENT, nullable=False),
    )
    op.create_index("ix_releases_published_at", "releases", ["published_at"])
    op.bulk_insert(head, [{"row": 1, "number": number}])
    op.bulk_insert(releases, [{"number": row.number, "published_at": _published_at(row.payload)} for row in rows])


def _replace_head(number: int, issued: int) -> None:
    op.drop_table("head")
    head = op.create_table(
        "head",
        sa.Column("row", sa.Integer(), sa.CheckConstraint("row = 1", name="head_one_row"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("canary", sa.Integer()),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("publishing_held", sa.Boolean(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
    )
    op.bulk_insert(head, [{"row": 1, "number": number, "canary": None, "share": 0.0, "publishing_held": False, "issued": issued}])


def _replace_releases(published: list[tuple[int, datetime]]) -> None:
    op.drop_table("releases")
    releases = op.create_table(
        "releases",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("retired_at", MOMENT),
        sa.Column("swept", sa.Boolean(), nullable=False),
        sa.Column("payload", TEXT, nullable=False),
    )
    moves = op.create_table(
        "head_moves",
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("payload", TEXT, nullable=False),
    )
    op.create_index("ix_head_moves_at", "head_moves", ["at"])
    op.bulk_insert(releases, [_release(number, at) for number, at in published])
    op.bulk_insert(moves, [_move(number, at) for number, at in published])


def _add_drafts(connection: sa.Connection, head: int) -> None:
    drafts = op.create_table(
        "drafts",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_drafts_state", "drafts", ["state"])
    touched = sa.text("SELECT DISTINCT source FROM revisions WHERE added_in > :head OR removed_in > :head ORDER BY source")
    sources = list(connection.scalars(touched, {"head": head}))
    if sources:
        value = {
            "id": MIGRATION,
            "number": head + 1,
            "kind": "sync",
            "sources": sources,
            "base": head,
            "opened_at": _last_start(connection),
            "opened_by": MIGRATION,
        }
        op.bulk_insert(drafts, [{"id": MIGRATION, "number": head + 1, "state": "open", "payload": json.dumps(value)}])


def _fill_embedding_keys(connection: sa.Connection) -> None:
    after = ""
    page = sa.text("SELECT id, payload FROM chunks WHERE id > :after ORDER BY id LIMIT :page")
    fill = sa.text("UPDATE chunks SET embedding_key = :key WHERE id = :id")
    while rows := connection.execute(page, {"after": after, "page": PAGE}).all():
        connection.execute(fill, [{"id": row.id, "key": json.loads(row.payload)["embedding_key"]} for row in rows])
        after = rows[-1].id


def _issued(connection: sa.Connection, head: int) -> int:
    return (
        head + 1
        if connection.execute(sa.text("SELECT 1 FROM revisions WHERE added_in > :head OR removed_in > :head"), {"head": head}).first()
        else head
    )


def _last_start(connection: sa.Connection) -> str:
    found = connection.execute(sa.text("SELECT started_at FROM runs ORDER BY started_at DESC LIMIT 1").columns(started_at=MOMENT)).scalar()
    return _text(found or datetime(1970, 1, 1, tzinfo=UTC))


def _release(number: int, at: datetime) -> dict[str, Any]:
    value = {"number": number, "published_at": _text(at), "base": number - 1, "by": MIGRATION}
    return {"number": number, "retired_at": None, "swept": False, "payload": json.dumps(value)}


def _move(number: int, at: datetime) -> dict[str, Any]:
    value = {"at": _text(at), "number": number, "actor": MIGRATION}
    return {"place": number, "at": at, "number": number, "payload": json.dumps(value)}


def _text(at: datetime) -> str:
    """SQLite keeps moments of UTC without saying so."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _published_at(payload: str) -> datetime:
    at = datetime.fromisoformat(json.loads(payload)["published_at"]).astimezone(UTC)
    return at.replace(tzinfo=None) if op.get_bind().dialect.name == "sqlite" else at
