"""What a ruling would change: past questions answered anew, once without it and once with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from context_service.errors import Forbidden, InvalidRequest
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditRecord
from context_service.model.conflict import Ruling
from context_service.model.context import ContextReply, ContextRequest
from context_service.records.protocol import RecordStore
from context_service.retrieval.service import ContextService
from context_service.rulings.reading import Reading
from context_service.rulings.views import AnswerChange, Preview
from context_service.text import sentences

MOST_REPLAYS = 50
"""Past answers that are computed anew; each costs as much as two requests."""

Told = set[tuple[str, str]]
"""Sentences that an answer tells, each with its document."""


@dataclass(frozen=True)
class Asked:
    """A question as it was asked and by whom."""

    record: AuditRecord
    request: ContextRequest
    principal: Principal


def preview(records: RecordStore, context: ContextService, reading: Reading, contexts: Sequence[str], ruling: Ruling) -> Preview:
    """Answer the newest of `contexts` (newest first) anew with the current release, with and without `ruling`."""
    replayed, changed = 0, []
    for asked in _asked(records, contexts[:MOST_REPLAYS]):
        pair = _replay(context, asked, ruling)
        if pair:
            replayed += 1
            changed += _difference(reading, asked, *pair)
    workflows = Counter(change.workflow for change in changed)
    return Preview(answers=len(contexts), replayed=replayed, changed=tuple(changed), workflows=dict(sorted(workflows.items())))


def _asked(records: RecordStore, contexts: Iterable[str]) -> Iterable[Asked]:
    """The questions behind contexts, without those that looked back at an older release: no new ruling reaches them."""
    for context in contexts:
        for record in records.audit_of(context, Action.CONTEXT_SERVED):
            request = ContextRequest.model_validate(record.entry.detail["request"])
            if request.release is None and request.as_of is None and request.draft is None:
                yield Asked(record, request, Principal.model_validate(record.entry.detail["principal"]))


def _replay(context: ContextService, asked: Asked, ruling: Ruling) -> tuple[ContextReply, ContextReply] | None:
    """Both answers; None where the question can no longer be asked, because its workflow, customer or grant is gone."""
    try:
        without, under = (context.compute(asked.request, asked.principal, extra).reply for extra in ((), (ruling,)))
    except (InvalidRequest, Forbidden):
        return None
    return without, under


def _difference(reading: Reading, asked: Asked, without: ContextReply, under: ContextReply) -> list[AnswerChange]:
    before, after = _told(without), _told(under)
    if before == after and without.decision is under.decision:
        return []
    readable = {text.revision.ref for text in reading.readable(item.chunk for item in (*without.items, *under.items)).values()}
    change = AnswerChange(
        context_id=asked.record.entry.subject,
        served_at=asked.record.entry.at,
        workflow=asked.request.workflow,
        question=asked.request.query,
        decision_without=without.decision,
        decision_with=under.decision,
        gained=_documents(after - before, readable),
        lost=_documents(before - after, readable),
    )
    return [change]


def _told(reply: ContextReply) -> Told:
    return {(item.document, item.text[start:end]) for item in reply.items for start, end in sentences(item.text)}


def _documents(told: Told, readable: set[str]) -> tuple[str, ...]:
    return tuple(sorted({document for document, _ in told} & readable))
