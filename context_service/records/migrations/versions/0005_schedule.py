"""Schedules, verifications by hand, events and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime().with_variant(sa.DateTime(timezone=True), "postgresql")

INDEXES = {"verifications": [["document", "version"]], "events": [["at"]], "deliveries": [["event"], ["next_at"]]}


def upgrade() -> None:
    """Six tables, all of them empty: the schedule begins where the last runs ended. And an index for when those were."""
    _create_schedule()
    _create_events()
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.create_index("ix_runs_source_state_finished_at", "runs", ["source", "state", "finished_at"])


def downgrade() -> None:
    """Pauses, verifications and the history of events are lost."""
    op.drop_index("ix_runs_source_state_finished_at", "runs")
    for table in ("deliveries", "events", "verifications", "schedule_lease", "sync_progress", "schedule_state"):
        op.drop_table(table)


def _create_schedule() -> None:
    for table in ("schedule_state", "sync_progress"):
        op.create_table(table, sa.Column("source", TEXT, primary_key=True), _payload())
    op.create_table(
        "schedule_lease",
        sa.Column("row", sa.Integer, sa.CheckConstraint("row = 1", name="schedule_lease_one_row"), primary_key=True, autoincrement=False),
        _payload(),
    )


def _create_events() -> None:
    op.create_table(
        "verifications",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("document", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        _payload(),
    )
    op.create_table(
        "events",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        _payload(),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("event", TEXT, sa.ForeignKey("events.id"), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("next_at", MOMENT),
        _payload(),
    )


def _payload() -> sa.Column[str]:
    return sa.Column("payload", TEXT, nullable=False)
