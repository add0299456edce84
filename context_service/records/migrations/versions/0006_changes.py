"""Workspaces, golden questions, feedback, and which documents each answer told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")

INDEXES = {
    "workspaces": [["opened_at"]],
    "feedback": [["context"], ["at"]],
    "served_documents": [["document", "served_at"], ["served_at"]],
}


def upgrade() -> None:
    """Four tables, all of them empty: what earlier answers told stands in the audit log alone."""
    op.create_table("workspaces", _id(), sa.Column("opened_at", MOMENT, nullable=False), _payload())
    op.create_table("golden_questions", _id(), _payload())
    op.create_table("feedback", _id(), sa.Column("context", TEXT, nullable=False), sa.Column("at", MOMENT, nullable=False), _payload())
    op.create_table(
        "served_documents",
        sa.Column("document", TEXT, primary_key=True),
        sa.Column("context", TEXT, primary_key=True),
        sa.Column("workflow", TEXT, nullable=False),
        sa.Column("served_at", MOMENT, nullable=False),
    )
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def downgrade() -> None:
    """Workspaces, added golden questions and feedback are lost."""
    for table in ("served_documents", "feedback", "golden_questions", "workspaces"):
        op.drop_table(table)


def _id() -> sa.Column[str]:
    return sa.Column("id", TEXT, primary_key=True)


def _payload() -> sa.Column[str]:
    return sa.Column("payload", TEXT, nullable=False)
