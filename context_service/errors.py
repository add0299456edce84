"""Every error this package raises, one tree with stable codes.

ContextServiceError
├── InvalidRequest             invalid-request         the caller's input is wrong; names the field and the remedy
│   ├── UnknownWorkflow        unknown-workflow
│   ├── UnknownCustomer        unknown-customer
│   ├── UnknownRelease         unknown-release
│   ├── NotFound               not-found
│   ├── ConflictClosed         conflict-closed         nothing disagrees any more
│   ├── ConflictChanged        conflict-changed        a side is no longer what the caller saw
│   ├── AlreadyRuled           already-ruled           a ruling in force covers a part of the same requests
│   ├── TextChanged            text-changed            words that an edit replaces are not there to be replaced
│   ├── WorkspaceChanged       workspace-changed       somebody else has edited the workspace
│   ├── WorkspaceClosed        workspace-closed        it has been published or discarded
│   ├── DraftChanged           draft-changed           the draft is no longer what was approved
│   └── TooManyReports         too-many-reports        a caller has reported on too many answers within a day
├── Unauthenticated            unauthenticated         no key, or a key that nobody holds
├── Forbidden                  forbidden               a known caller asks for more than its grant
│   ├── NotAnOwner             not-an-owner            it answers for none of what it would change
│   └── NotAnApprover          not-an-approver         it may not approve this draft, such as its own last edit
├── InvalidDeclaration         invalid-declaration     a YAML file is wrong; carries file, line and column
├── SourceError                source-failed
│   ├── TransientSourceError   source-unavailable      worth another try
│   └── TerminalSourceError    source-unreadable       will fail again until somebody changes something
├── StoreError                 store-unavailable
│   └── DraftConflict          draft-conflict          somebody else holds or moved the draft
│       ├── StaleDraft         stale-draft             what the draft was checked against has changed
│       ├── CanaryRunning      canary-running          a release is being tried on a share of the conversations
│       └── NotRestored        not-restored            a rollback is not finished
├── ModelUnavailable           model-unavailable       weights are missing or are not the pinned ones
├── NotReady                   not-ready               nothing has been published yet
└── Overloaded                 overloaded              more is asked than can be answered; carries when to ask again

`status` is the HTTP status of the problem document (RFC 9457); `remedy` says what the person does next.
"""

from __future__ import annotations

from typing import Any


class ContextServiceError(Exception):
    """Base of the tree: a message for people, a stable code for programs, and what to do next."""

    code = "internal"
    status = 500

    def __init__(self, message: str, *, remedy: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.field = field

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes, and the arguments that only have names would be lost."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[ContextServiceError], args: tuple[Any, ...], state: dict[str, Any]) -> ContextServiceError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidRequest(ContextServiceError):
    """The caller's input is wrong; `field` names the part, `remedy` the mend."""

    code = "invalid-request"
    status = 422


class UnknownWorkflow(InvalidRequest):
    """No workflow of that id is declared."""

    code = "unknown-workflow"


class UnknownCustomer(InvalidRequest):
    """No customer of that id is known, or this caller may not know of it; the two read the same on purpose."""

    code = "unknown-customer"


class UnknownRelease(InvalidRequest):
    """No published release answers to that number or moment."""

    code = "unknown-release"


class NotFound(InvalidRequest):
    """Nothing of that id exists that this caller may see."""

    code = "not-found"
    status = 404


class ConflictClosed(InvalidRequest):
    """The conflict ended in the current release: a side is gone or no longer disagrees."""

    code = "conflict-closed"
    status = 409


class ConflictChanged(InvalidRequest):
    """A side has changed since the caller saw it."""

    code = "conflict-changed"
    status = 409


class AlreadyRuled(InvalidRequest):
    """A ruling in force covers a part of the same requests."""

    code = "already-ruled"
    status = 409


class TextChanged(InvalidRequest):
    """Words that an edit replaces are not in the document, or not where they could be replaced."""

    code = "text-changed"
    status = 409


class WorkspaceChanged(InvalidRequest):
    """Somebody else has edited the workspace since the caller saw it."""

    code = "workspace-changed"
    status = 409


class WorkspaceClosed(InvalidRequest):
    """The workspace has been published or discarded."""

    code = "workspace-closed"
    status = 409


class DraftChanged(InvalidRequest):
    """The draft is no longer what the caller saw."""

    code = "draft-changed"
    status = 409


class TooManyReports(InvalidRequest):
    """The caller has reported on as many answers within a day as one caller may."""

    code = "too-many-reports"
    status = 429


class Unauthenticated(ContextServiceError):
    """No key was sent, or nobody holds it."""

    code = "unauthenticated"
    status = 401


class Forbidden(ContextServiceError):
    """The caller is known and asks for more than its grant allows."""

    code = "forbidden"
    status = 403


class NotAnOwner(Forbidden):
    """The caller may read it and does not answer for it: for no side of a conflict, not for a document."""

    code = "not-an-owner"


class NotAnApprover(Forbidden):
    """The caller may not approve the draft: it does not answer for all of it, or has edited it."""

    code = "not-an-approver"


class InvalidDeclaration(ContextServiceError):
    """A declaration file is wrong at a place: `path:line:column`."""

    code = "invalid-declaration"

    def __init__(self, message: str, *, remedy: str, path: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message, remedy=remedy)
        self.path = path
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message} {self.remedy}".strip()


class SourceError(ContextServiceError):
    """An item or a whole source could not be read."""

    code = "source-failed"
    status = 502


class TransientSourceError(SourceError):
    """The source did not answer as it should this time; the next sync tries again."""

    code = "source-unavailable"


class TerminalSourceError(SourceError):
    """This will fail again until the owner changes something at the source."""

    code = "source-unreadable"


class StoreError(ContextServiceError):
    """A store cannot be reached or refused the operation."""

    code = "store-unavailable"
    status = 503


class DraftConflict(StoreError):
    """The draft is held by another process, or its base has moved."""

    code = "draft-conflict"
    status = 409


class StaleDraft(DraftConflict):
    """The draft was checked against another state than the one it would be published on."""

    code = "stale-draft"


class CanaryRunning(DraftConflict):
    """A release is being tried on a share of the conversations; until that is decided no other can be published."""

    code = "canary-running"


class NotRestored(DraftConflict):
    """A rollback has moved what is read, and the next release cannot start before the older state is restored."""

    code = "not-restored"


class ModelUnavailable(ContextServiceError):
    """Model weights are missing, or their hash is not the pinned one."""

    code = "model-unavailable"
    status = 503


class NotReady(ContextServiceError):
    """Nothing has been published yet, so there is no release to read."""

    code = "not-ready"
    status = 503


class Overloaded(ContextServiceError):
    """More is asked than can be answered; `retry_after` is the number of seconds after which to ask again."""

    code = "overloaded"
    status = 429

    def __init__(self, message: str, *, remedy: str, field: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, remedy=remedy, field=field)
        self.retry_after = retry_after
