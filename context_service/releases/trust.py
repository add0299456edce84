"""Who may know a golden question, and who may do something with it: promote it, change it, run it, drop it.

A person knows of it who answers for a document that the reported answer told, or as an operator; of a declared one every person does.
Whoever does something with it could have been given that answer: operators may, and who may read today every document that it told, for the
customer it names. Else a question could be asked until its passing and failing has told what they may not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from context_service.model.access import Grant, Principal
from context_service.model.base import admits
from context_service.model.context import ContextReply, CustomerRef
from context_service.model.golden import GoldenQuestion, Miss
from context_service.policy import Situation, admitted, owns
from context_service.records.protocol import RecordStore


class Trust:
    """What one person is trusted with at one moment; access is today's."""

    def __init__(self, records: RecordStore, principal: Principal, now: datetime) -> None:
        self._records = records
        self._principal = principal
        self._now = now
        self._newest = records.traffic().newest
        self._owned: dict[str, bool] = {}

    def answers_for(self, documents: Iterable[str]) -> bool:
        """Whether the person answers for one of `documents`, by id, as the newest release has them."""
        named = list(documents)
        if self._principal.operator:
            return True
        new = [document for document in named if document not in self._owned]
        states = self._records.states_of(new, self._newest) if new else {}
        self._owned |= {one: one in states and owns(self._principal, states[one].resource) for one in new}
        return any(self._owned[document] for document in named)

    def knows(self, question: GoldenQuestion) -> bool:
        """Whether the person may know of a question; its words are a customer's."""
        return question.feedback is None or self.answers_for(question.documents)

    def covers(self, question: GoldenQuestion, answer: ContextReply | Miss | None = None, number: int | None = None) -> bool:
        """Whether the person could have been given the answer that was reported, and this one in the release or draft `number`."""
        if self._principal.operator:
            return True
        customer = question.customer.id
        if customer is not None and not admits(self._principal.grant.customers, customer):
            return False
        told = {item.lineage.document for item in answer.items} if isinstance(answer, ContextReply) else set()
        return self._reads(question, question.documents, self._newest) and self._reads(question, told, number or self._newest)

    def shown(self, question: GoldenQuestion) -> GoldenQuestion:
        """The question as the person may see it: whom it was asked for, and with which grant, is for who may ask it."""
        return question if self.covers(question) else question.model_copy(update={"customer": CustomerRef(), "grant": Grant()})

    def _reads(self, question: GoldenQuestion, documents: Iterable[str], number: int) -> bool:
        """Whether the person may read those of `documents` that `number` holds, where the question is asked."""
        situation = Situation(workflow=question.workflow, customer=question.customer.id, now=self._now)
        states = self._records.states_of(sorted(documents), number)
        today = self._records.current_resources(sorted(states))
        return all(
            document in today and admitted(self._principal, (state.resource, *today[document]), situation)
            for document, state in states.items()
        )
