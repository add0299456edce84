"""What a draft would do to answers: those of the last 30 days that told what it changes, and golden questions, computed both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from context_service.errors import Forbidden, InvalidRequest
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.golden import GoldenQuestion
from context_service.records.protocol import RecordStore
from context_service.releases.diff import Differ
from context_service.releases.golden import asked
from context_service.releases.reader import Reader, require_person
from context_service.releases.views import AnswerDiff, AnswerItem, AnswerSide, Impact
from context_service.retrieval.as_set import SETTINGS_SOURCE
from context_service.retrieval.service import ContextService

SERVED_WITHIN = timedelta(days=30)
MOST_ANSWERS = 1_000
"""Past answers that are counted."""

MOST_REPLAYS = 50
"""Past answers, and golden questions, that are computed anew; each costs as much as two requests."""


@dataclass(frozen=True)
class Asked:
    """A question and who asks it: one of the past, or a golden one."""

    request: ContextRequest
    principal: Principal
    entry: AuditEntry | None = None
    golden: str | None = None


class Impacts:
    """Computes answers under two numbers. Nothing of it is audited as an answer."""

    def __init__(self, records: RecordStore, context: ContextService, differ: Differ, now: Callable[[], datetime]) -> None:
        self._records = records
        self._context = context
        self._differ = differ
        self._now = now

    def impact(
        self, principal: Principal, base: int, number: int, questions: Sequence[GoldenQuestion], *, replays: int = MOST_REPLAYS
    ) -> Impact:
        """What reading `number` instead of `base` would do. Words of documents that the reader may not see are left out.

        Access is today's. Raises Forbidden for who answers for nothing that changes, InvalidRequest for a number of replays out of bounds,
        and what `Differ.diff` raises.
        """
        require_person(principal)
        if not 0 <= replays <= MOST_REPLAYS:
            raise InvalidRequest("So many answers are not computed anew.", remedy=f"Ask for up to {MOST_REPLAYS}.", field="replays")
        self._differ.require(principal, base, number)
        reader = Reader(self._records, principal, self._now())
        documents, concerned = self._documents(reader, base, number)
        if not concerned:
            raise Forbidden("You answer for nothing that this changes.", remedy="Ask an owner, or an operator.")
        told = self._records.answers_with(documents, self._now() - SERVED_WITHIN, MOST_ANSWERS)
        past = list(self._past(one.context for one in told[:replays]))
        golden = [Asked(*asked(question), golden=question.id) for question in questions[:replays]]
        return Impact(
            base=base,
            number=number,
            answers=len(told),
            replayed=len(past),
            workflows=dict(sorted(Counter(one.workflow for one in told).items())),
            changed=tuple(self._changed(reader, past, base, number)),
            golden=tuple(self._changed(reader, golden, base, number)),
        )

    def _documents(self, reader: Reader, base: int, number: int) -> tuple[list[str], bool]:
        """Ids of what changes, and whether the reader answers for some of it."""
        documents, concerned = [], reader.principal.operator
        for one in self._differ.states(base, number):
            concerned = concerned or reader.answers_for(one.shown)
            if one.shown.source != SETTINGS_SOURCE:
                documents.append(one.shown.document)
        return documents, concerned

    def _past(self, contexts: Iterable[str]) -> Iterable[Asked]:
        """The questions behind contexts, without those that looked back at an older release: no draft reaches them."""
        for context in contexts:
            for record in self._records.audit_of(context, Action.CONTEXT_SERVED):
                request = ContextRequest.model_validate(record.entry.detail["request"])
                if request.release is None and request.as_of is None and request.draft is None:
                    yield Asked(request, Principal.model_validate(record.entry.detail["principal"]), record.entry)

    def _changed(self, reader: Reader, questions: Iterable[Asked], base: int, number: int) -> Iterable[AnswerDiff]:
        for question in questions:
            try:
                before, after = (self._context.compute(question.request, question.principal, number=one).reply for one in (base, number))
            except (InvalidRequest, Forbidden):
                continue  # its workflow, customer or grant is gone
            if _said(before) != _said(after):
                change = self._difference(reader, question, before, after)
                # A customer's words are for those who may read something of what was answered.
                if question.golden or change.before.items or change.after.items:
                    yield change

    def _difference(self, reader: Reader, question: Asked, before: ContextReply, after: ContextReply) -> AnswerDiff:
        readable = {
            *reader.readable_refs(_documents(before), (before.release,)),
            *reader.readable_refs(_documents(after), (after.release,)),
        }
        told, would = _by_document(before), _by_document(after)
        return AnswerDiff(
            context_id=question.entry.subject if question.entry else None,
            golden=question.golden,
            asked_at=question.entry.at if question.entry else None,
            workflow=question.request.workflow,
            question=question.request.query,
            before=_side(before, readable),
            after=_side(after, readable),
            gained=tuple(sorted((would.keys() - told.keys()) & readable)),
            lost=tuple(sorted((told.keys() - would.keys()) & readable)),
            changed=tuple(sorted(one for one in told.keys() & would.keys() & readable if told[one] != would[one])),
        )


def _said(reply: ContextReply) -> tuple[object, ...]:
    """What makes two answers the same to who reads them: chunk ids differ between drafts."""
    return reply.decision, reply.asks_for, [(item.document, item.text) for item in reply.items], _conflicts(reply)


def _conflicts(reply: ContextReply) -> tuple[str, ...]:
    return tuple(sorted({name for report in reply.conflicts for name in report.conflicts}))


def _documents(reply: ContextReply) -> list[str]:
    return sorted({item.lineage.document for item in reply.items})


def _by_document(reply: ContextReply) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in reply.items:
        found.setdefault(item.document, []).append(item.text)
    return found


def _side(reply: ContextReply, readable: set[str]) -> AnswerSide:
    items = (AnswerItem(document=item.document, title=item.title, text=item.text) for item in reply.items if item.document in readable)
    return AnswerSide(decision=reply.decision, confidence=reply.confidence, items=tuple(items), conflicts=_conflicts(reply))
