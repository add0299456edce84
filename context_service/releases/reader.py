"""What one reader may see of a release or a draft: every document is decided like any other read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from context_service.errors import Forbidden
from context_service.model.access import Principal, PrincipalKind, Resource
from context_service.model.document import Revision
from context_service.policy import Situation, admitted, owns
from context_service.records.protocol import RecordStore


def require_person(principal: Principal) -> None:
    """Raise Forbidden for an agent: what changes is for people."""
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden("This is for people.", remedy="Use the key of a person.")


class Reader:
    """One principal at one moment. Access is always today's, and the state's own beside it."""

    def __init__(self, records: RecordStore, principal: Principal, now: datetime) -> None:
        self._records = records
        self.principal = principal
        self._situation = Situation(workflow=None, customer=None, now=now)

    def may_read(self, revision: Revision, today: Sequence[Resource]) -> bool:
        """Whether the reader may see a state of a document whose rules today are `today`; what has none nobody sees."""
        return bool(today) and admitted(self.principal, (revision.resource, *today), self._situation)

    def readable(self, revisions: Iterable[Revision]) -> list[Revision]:
        """Those that the reader may see."""
        states = list(revisions)
        today = self._records.current_resources([one.document for one in states])
        return [one for one in states if self.may_read(one, today.get(one.document, ()))]

    def readable_refs(self, documents: Sequence[str], numbers: Iterable[int]) -> set[str]:
        """Of documents by id, the names (`source:key`) of those that the reader may see in every one of `numbers` that holds them."""
        states = [state for number in numbers for state in self._records.states_of(documents, number).values()]
        seen = {id(one) for one in self.readable(states)}
        hidden = {one.ref for one in states if id(one) not in seen}
        return {one.ref for one in states} - hidden

    def answers_for(self, revision: Revision) -> bool:
        """Whether the reader may change what the document says: as its owner, or as an operator who may read it."""
        return self.principal.operator or owns(self.principal, revision.resource)
