"""The tables of the records. Columns hold what is looked up; `payload` holds the whole value as JSON, except for release
ranges: a draft that is carried to another number changes them.

A change here needs a migration beside it; the contract suite compares the two on every backend.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table

from context_service.records.columns import Moment, Name, PlainText

metadata = MetaData()

head = Table(
    "head",
    metadata,
    Column("row", Integer, CheckConstraint("row = 1", name="head_one_row"), primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("canary", Integer),
    Column("share", Float, nullable=False),
    Column("publishing_held", Boolean, nullable=False),
    Column("issued", Integer, nullable=False),
)
"""One row: what is read, and the highest number that a draft ever got."""

head_moves = Table(
    "head_moves",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("payload", PlainText, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("retired_at", Moment),
    Column("swept", Boolean, nullable=False),
    Column("payload", PlainText, nullable=False),
)
"""`swept`: nothing is left of a retired one that no other release reads."""

drafts = Table(
    "drafts",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("state", PlainText, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("source", PlainText, nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("finished_at", Moment),
    Column("state", PlainText, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
    Index("ix_runs_source_started_at", "source", "started_at"),
    Index("ix_runs_source_state_finished_at", "source", "state", "finished_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("run", PlainText, ForeignKey("runs.id"), primary_key=True),
    Column("key", Name, primary_key=True),
    Column("payload", PlainText, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("key", Name, primary_key=True),
    Column("document", PlainText, nullable=False, index=True),
    Column("failing_since", Moment),
    Column("payload", PlainText, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("cursor", PlainText),
)

versions = Table(
    "versions",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)
"""The access rule that stands now for each document, which no release number protects."""

revisions = Table(
    "revisions",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("document", PlainText, nullable=False, index=True),
    Column("source", PlainText, nullable=False),
    Column("key", Name, nullable=False),
    Column("version", PlainText, ForeignKey("versions.id"), nullable=False, index=True),
    Column("customer", Name, index=True),
    Column("added_in", Integer, nullable=False, index=True),
    Column("removed_in", Integer, index=True),
    Column("payload", PlainText, nullable=False),
    Index("ix_revisions_source_key", "source", "key"),
)
"""`customer` is set on the records of one customer only: those that name one and carry facts."""

supersessions = Table(
    "supersessions",
    metadata,
    Column("revision", PlainText, ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True),
    Column("ref", Name, primary_key=True, index=True),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("document", PlainText, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("added_in", Integer, nullable=False, index=True),
    Column("removed_in", Integer, index=True),
    Column("embedding_key", PlainText, index=True),
    Column("payload", PlainText, nullable=False),
    Index("ix_chunks_document_added_in", "document", "added_in"),
)

rules = Table(
    "rules",
    metadata,
    Column("label", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)

facets = Table(
    "facets",
    metadata,
    Column("key", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)

rivalries = Table(
    "rivalries",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("left_chunk", PlainText, nullable=False, index=True),
    Column("right_chunk", PlainText, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("chunk", PlainText, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)
"""A claim lives as long as its chunk."""

claim_keys = Table(
    "claim_keys",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("claim", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Claims that share a key may be about the same thing."""

conflicts = Table(
    "conflicts",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)
"""As of the current release; written when one is published."""

rulings = Table(
    "rulings",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conflict", PlainText, nullable=False, index=True),
    Column("made_at", Moment, nullable=False),
    Column("payload", PlainText, nullable=False),
)

ruled_documents = Table(
    "ruled_documents",
    metadata,
    Column("ruling", PlainText, ForeignKey("rulings.id"), primary_key=True),
    Column("document", PlainText, primary_key=True, index=True),
)
"""Whose words each ruling binds."""

served_sides = Table(
    "served_sides",
    metadata,
    Column("document", PlainText, primary_key=True),
    Column("text", PlainText, primary_key=True),
    Column("context", PlainText, primary_key=True),
    Column("workflow", PlainText, nullable=False),
    Column("served_at", Moment, nullable=False),
    Index("ix_served_sides_document_served_at", "document", "served_at"),
    Index("ix_served_sides_served_at", "served_at"),
)
"""Which disputed texts each answer of late told; `text` is the digest of the words."""

vectors = Table(
    "vectors",
    metadata,
    Column("model_id", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
"""Float32 in little-endian order."""

token_vectors = Table(
    "token_vectors",
    metadata,
    Column("model_id", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)
"""One vector per token of a text, as the model that made them packs them."""

principals = Table(
    "principals",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("key_hash", PlainText, nullable=False, unique=True),
    Column("payload", PlainText, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Name, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("payload", PlainText, nullable=False),
    Column("previous", PlainText, nullable=False),
    Column("hash", PlainText, nullable=False),
    Index("ix_audit_subject_number", "subject", "number"),
)
"""Triggers refuse every change of a stored record."""

schedule_state = Table(
    "schedule_state",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)

sync_progress = Table(
    "sync_progress",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)
"""Apart from `schedule_state`, so that telling how far a sync is never waits for a decision about the schedule."""

schedule_lease = Table(
    "schedule_lease",
    metadata,
    Column("row", Integer, CheckConstraint("row = 1", name="schedule_lease_one_row"), primary_key=True, autoincrement=False),
    Column("payload", PlainText, nullable=False),
)

verifications = Table(
    "verifications",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("document", PlainText, nullable=False),
    Column("version", PlainText, nullable=False),
    Column("until", Moment, nullable=False),
    Column("payload", PlainText, nullable=False),
    Index("ix_verifications_document_version", "document", "version"),
)

events = Table(
    "events",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("source", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("event", PlainText, ForeignKey("events.id"), nullable=False, index=True),
    Column("state", PlainText, nullable=False),
    Column("next_at", Moment, index=True),
    Column("payload", PlainText, nullable=False),
)
"""`next_at` is set on those that are still to be tried."""

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("opened_at", Moment, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)

golden_questions = Table(
    "golden_questions",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("payload", PlainText, nullable=False),
)
"""Those that were added here; the declared ones stand in their files."""

feedback = Table(
    "feedback",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("context", PlainText, nullable=False, index=True),
    Column("at", Moment, nullable=False, index=True),
    Column("payload", PlainText, nullable=False),
)

served_documents = Table(
    "served_documents",
    metadata,
    Column("document", PlainText, primary_key=True),
    Column("context", PlainText, primary_key=True),
    Column("workflow", PlainText, nullable=False),
    Column("served_at", Moment, nullable=False),
    Index("ix_served_documents_document_served_at", "document", "served_at"),
    Index("ix_served_documents_served_at", "served_at"),
)
"""Which documents each answer told."""
