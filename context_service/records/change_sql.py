"""Workspaces, golden questions and feedback in a SQL database."""
# ruff: noqa: D102 - the contract of each method stands in change_protocol.py

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection, Table, and_, delete, or_, select

from context_service.model.golden import Feedback, GoldenQuestion
from context_service.model.workspace import Workspace
from context_service.records import tables
from context_service.records.backends import Backend
from context_service.records.change_protocol import ChangeStore, ChangeWriter, ServedDocument
from context_service.records.columns import dump, load
from context_service.records.queries import among, in_parts


class SqlChangeWriter(ChangeWriter):
    """Writes on the open transaction of `_connection`."""

    _connection: Connection
    _backend: Backend

    @abstractmethod
    def _replace(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None: ...

    @abstractmethod
    def _keep(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None: ...

    def held_workspace(self, id: str) -> Workspace | None:  # noqa: A002 - the protocol's name
        self._backend.queue(self._connection, "workspaces")
        return _workspace(self._connection, id)

    def put_workspace(self, workspace: Workspace) -> None:
        row = {"id": workspace.id, "opened_at": workspace.opened_at, "payload": dump(workspace)}
        self._replace(tables.workspaces, [row])

    def put_golden(self, question: GoldenQuestion) -> None:
        self._replace(tables.golden_questions, [{"id": question.id, "payload": dump(question)}])

    def drop_golden(self, id: str) -> None:  # noqa: A002 - the protocol's name
        self._connection.execute(delete(tables.golden_questions).where(tables.golden_questions.c.id == id))

    def held_feedback(self, context: str) -> list[Feedback]:
        self._backend.queue(self._connection, "feedback")
        column = tables.feedback.c
        kept = self._connection.scalars(select(column.payload).where(column.context == context).order_by(column.at, column.id))
        return [load(Feedback, payload) for payload in kept]

    def held_reports(self, by: str, since: datetime) -> int:
        column = tables.feedback.c
        kept = self._connection.scalars(select(column.payload).where(column.at >= since))
        return sum(load(Feedback, payload).by == by for payload in kept)

    def put_feedback(self, feedback: Feedback) -> None:
        row = {"id": feedback.id, "context": feedback.context, "at": feedback.at, "payload": dump(feedback)}
        self._replace(tables.feedback, [row])

    def add_served_documents(self, served: Iterable[ServedDocument]) -> None:
        rows = [{"document": one.document, "context": one.context, "workflow": one.workflow, "served_at": one.at} for one in served]
        self._keep(tables.served_documents, rows)


class SqlChangeStore(ChangeStore):
    """Reads; each is one transaction."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    def workspaces(self) -> list[Workspace]:
        column = tables.workspaces.c
        with self._reading() as connection:
            kept = connection.scalars(select(column.payload).order_by(column.opened_at.desc(), column.id))
            return [load(Workspace, payload) for payload in kept]

    def workspace(self, id: str) -> Workspace | None:  # noqa: A002 - the protocol's name
        with self._reading() as connection:
            return _workspace(connection, id)

    def golden_questions(self) -> list[GoldenQuestion]:
        column = tables.golden_questions.c
        with self._reading() as connection:
            return [load(GoldenQuestion, payload) for payload in connection.scalars(select(column.payload).order_by(column.id))]

    def feedback(self, id: str) -> Feedback | None:  # noqa: A002 - the protocol's name
        column = tables.feedback.c
        with self._reading() as connection:
            payload = connection.scalar(select(column.payload).where(column.id == id))
            return load(Feedback, payload) if payload else None

    def feedback_since(self, since: datetime, limit: int, before: Feedback | None = None) -> list[Feedback]:
        column = tables.feedback.c
        newest = select(column.payload).where(column.at >= since).order_by(column.at.desc(), column.id).limit(limit)
        if before:
            newest = newest.where(or_(column.at < before.at, and_(column.at == before.at, column.id > before.id)))
        with self._reading() as connection:
            return [load(Feedback, payload) for payload in connection.scalars(newest)]

    def answers_with(self, documents: Sequence[str], since: datetime, limit: int) -> list[ServedDocument]:
        column = tables.served_documents.c
        told = (
            select(tables.served_documents).where(column.served_at >= since).order_by(column.served_at.desc(), column.context).limit(limit)
        )
        with self._reading() as connection:
            rows = in_parts(connection, documents, told.where(among(column.document)))
        newest = sorted(rows, key=lambda row: (row.served_at, row.context, row.document), reverse=True)
        answers = {row.context: ServedDocument(row.document, row.context, row.workflow, row.served_at) for row in newest}
        return list(answers.values())[:limit]


def _workspace(connection: Connection, name: str) -> Workspace | None:
    payload = connection.scalar(select(tables.workspaces.c.payload).where(tables.workspaces.c.id == name))
    return load(Workspace, payload) if payload else None
