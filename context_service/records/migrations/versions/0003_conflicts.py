"""Lasting conflicts, rulings, and which disputed texts each answer told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")

INDEXES = {"rulings": [["conflict"]], "ruled_documents": [["document"]], "served_sides": [["document", "served_at"], ["served_at"]]}


def upgrade() -> None:
    """Four tables, all of them empty: the next release fills the first."""
    op.create_table("conflicts", sa.Column("id", TEXT, primary_key=True), sa.Column("payload", TEXT, nullable=False))
    op.create_table(
        "rulings",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("conflict", TEXT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
    )
    op.create_table(
        "ruled_documents",
        sa.Column("ruling", TEXT, sa.ForeignKey("rulings.id"), primary_key=True),
        sa.Column("document", TEXT, primary_key=True),
    )
    op.create_table(
        "served_sides",
        sa.Column("document", TEXT, primary_key=True),
        sa.Column("text", TEXT, primary_key=True),
        sa.Column("context", TEXT, primary_key=True),
        sa.Column("workflow", TEXT, nullable=False),
        sa.Column("served_at", MOMENT, nullable=False),
    )
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def downgrade() -> None:
    """Rulings are lost."""
    for table in ("served_sides", "ruled_documents", "rulings", "conflicts"):
        op.drop_table(table)
