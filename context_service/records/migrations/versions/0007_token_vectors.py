"""Token vectors, by which the fast rerank tier orders candidates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """An empty table: what is stored already is encoded in the background, or by the next reindex."""
    op.create_table(
        "token_vectors",
        sa.Column("model_id", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Texts are encoded again when needed."""
    op.drop_table("token_vectors")
