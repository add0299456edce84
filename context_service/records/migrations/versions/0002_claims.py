"""Claims, and the keys by which their nearest are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables, both empty: documents are read again at the next sync, which fills them."""
    op.create_table(
        "claims",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("chunk", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
    )
    op.create_index("ix_claims_chunk", "claims", ["chunk"])
    op.create_table(
        "claim_keys",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("claim", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """They can be read from the texts again."""
    op.drop_table("claim_keys")
    op.drop_table("claims")
