"""The part of the records' contract that workspaces, golden questions and feedback need (`tests/contract/test_records_changes.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from context_service.model.golden import Feedback, GoldenQuestion
from context_service.model.workspace import Workspace


@dataclass(frozen=True)
class ServedDocument:
    """A document that an answer told."""

    document: str
    context: str
    workflow: str
    at: datetime


class ChangeWriter(Protocol):
    """Writes of a transaction; see `RecordWriter`."""

    def held_workspace(self, id: str) -> Workspace | None:  # noqa: A002 - what it looks up
        """A workspace as this transaction sees it. Nobody else reads it so until it ends."""
        ...

    def put_workspace(self, workspace: Workspace) -> None:
        """Store a workspace; replaces that of its id."""
        ...

    def put_golden(self, question: GoldenQuestion) -> None:
        """Store a golden question; replaces that of its id."""
        ...

    def drop_golden(self, id: str) -> None:  # noqa: A002 - what it looks up
        """Forget a golden question; unknown ids are passed over."""
        ...

    def held_feedback(self, context: str) -> list[Feedback]:
        """The reports about an answer, oldest first, as this transaction sees them. Nobody else reads any so until it ends."""
        ...

    def held_reports(self, by: str, since: datetime) -> int:
        """How many reports somebody has sent since `since`, as this transaction sees them; call it after `held_feedback`."""
        ...

    def put_feedback(self, feedback: Feedback) -> None:
        """Store a report; replaces that of its id."""
        ...

    def add_served_documents(self, served: Iterable[ServedDocument]) -> None:
        """Remember which documents an answer told; one that the same context told already is passed over."""
        ...


class ChangeStore(Protocol):
    """Reads; see `RecordStore`."""

    def workspaces(self) -> list[Workspace]:
        """Every workspace, the newest first."""
        ...

    def workspace(self, id: str) -> Workspace | None:  # noqa: A002 - what it looks up
        """A workspace by its id."""
        ...

    def golden_questions(self) -> list[GoldenQuestion]:
        """The golden questions that were added here, by id; declared ones are not stored."""
        ...

    def feedback(self, id: str) -> Feedback | None:  # noqa: A002 - what it looks up
        """A report by its id."""
        ...

    def feedback_since(self, since: datetime, limit: int, before: Feedback | None = None) -> list[Feedback]:
        """Reports, newest first; those that come after `before` in that order, where it is given."""
        ...

    def answers_with(self, documents: Sequence[str], since: datetime, limit: int) -> list[ServedDocument]:
        """The answers since `since` that told one of `documents`, newest first, each answer once."""
        ...
