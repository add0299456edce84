"""The first tables, and an audit log that only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")

INDEXES = {
    "releases": [["published_at"]],
    "runs": [["started_at"], ["state"], ["source", "started_at"]],
    "marks": [["document"]],
    "revisions": [["document"], ["customer"], ["added_in"], ["removed_in"], ["source", "key"]],
    "supersessions": [["ref"]],
    "chunks": [["added_in"], ["removed_in"], ["document", "added_in"]],
    "rivalries": [["left_chunk"], ["right_chunk"]],
    "audit": [["subject", "number"]],
}

REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"

APPEND_ONLY = {
    "sqlite": (
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit {REFUSE}",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit {REFUSE}",
        # INSERT OR REPLACE deletes without asking the trigger above.
        f"CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN NEW.number <= (SELECT max(number) FROM audit) {REFUSE}",  # noqa: S608 - constants
    ),
    "postgresql": (
        """
        CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
        """,
        """
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
        """,
    ),
}


def upgrade() -> None:
    """From an empty database."""
    _create_runs()
    _create_knowledge()
    _create_derived()
    _create_audit()
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.execute("INSERT INTO head VALUES (1, 0)")


def downgrade() -> None:
    """To an empty database: everything is lost."""
    for table in ("audit", "principals", "vectors", "rivalries", "facets", "rules", "chunks", "supersessions", "revisions"):
        op.drop_table(table)
    for table in ("documents", "versions", "cursors", "marks", "outcomes", "runs", "releases", "head"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_append_only")


def _create_runs() -> None:
    op.create_table(
        "head",
        sa.Column("row", sa.Integer, sa.CheckConstraint("row = 1", name="head_one_row"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("published_at", MOMENT, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("state", TEXT, nullable=False),
        _payload(),
    )
    op.create_table(
        "outcomes",
        sa.Column("run", TEXT, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        _payload(),
    )
    op.create_table(
        "marks",
        sa.Column("source", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("document", TEXT, nullable=False),
        sa.Column("failing_since", MOMENT),
        _payload(),
    )
    op.create_table("cursors", sa.Column("source", TEXT, primary_key=True), sa.Column("cursor", TEXT))


def _create_knowledge() -> None:
    op.create_table("versions", sa.Column("id", TEXT, primary_key=True), _payload())
    op.create_table("documents", sa.Column("id", TEXT, primary_key=True), _payload())
    op.create_table(
        "revisions",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("document", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("version", TEXT, sa.ForeignKey("versions.id"), nullable=False),
        sa.Column("customer", TEXT),
        sa.Column("added_in", sa.Integer, nullable=False),
        sa.Column("removed_in", sa.Integer),
        _payload(),
    )
    op.create_table(
        "supersessions",
        sa.Column("revision", TEXT, sa.ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ref", TEXT, primary_key=True),
    )
    op.create_table(
        "chunks",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("document", TEXT, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("added_in", sa.Integer, nullable=False),
        sa.Column("removed_in", sa.Integer),
        _payload(),
    )


def _create_derived() -> None:
    op.create_table("rules", sa.Column("label", TEXT, primary_key=True), _payload())
    op.create_table("facets", sa.Column("key", TEXT, primary_key=True), _payload())
    op.create_table(
        "rivalries",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("left_chunk", TEXT, nullable=False),
        sa.Column("right_chunk", TEXT, nullable=False),
        _payload(),
    )
    op.create_table(
        "vectors",
        sa.Column("model_id", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )


def _create_audit() -> None:
    op.create_table(
        "principals",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("key_hash", TEXT, nullable=False, unique=True),
        _payload(),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        _payload(),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
    )
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _payload() -> sa.Column[str]:
    return sa.Column("payload", TEXT, nullable=False)
