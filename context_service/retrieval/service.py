"""`POST /context`, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder, Reranker
from context_service.errors import Forbidden, UnknownWorkflow
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.model.access import Principal
from context_service.model.applicability import Facet, Status
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import admits, canonical_json, digest
from context_service.model.conflict import Ruling, TextKey
from context_service.model.context import ContextReply, ContextRequest, CustomerFacts, Item, Removed
from context_service.model.rivalry import Passage
from context_service.model.workflow import Workflow
from context_service.policy import Situation, readable_scope
from context_service.policy.applies import Match, Regions, conditions, fit
from context_service.records.change_protocol import ServedDocument
from context_service.records.protocol import RecordStore, ServedSide
from context_service.retrieval.answer import Answer, Judge, compose
from context_service.retrieval.as_set import as_set
from context_service.retrieval.customer import Customer, read_customer, situation_values
from context_service.retrieval.gate import Asked, Gate, Text
from context_service.retrieval.release_pin import (
    DraftState,
    check_reader,
    notices_at,
    pin_release,
    require_unmoved,
    ruled_at,
    state_of_named,
)
from context_service.retrieval.ruled import Words
from context_service.retrieval.search import BRANCH_LIMIT, Found, Query, search
from context_service.retrieval.select import Selection, by_pertinence, fresher_first, required_texts, select
from context_service.retrieval.settle import RulingsOn, Settlement
from context_service.retrieval.stopwatch import Stopwatch

SET_ASIDE_LIMIT = 20
"""Hits per branch that are looked at to tell what was set aside."""

POOL = 24
"""Candidates that are read from the records and go on to ranking and conflicts."""

MOST_HITS = 3_200
"""Hits per branch at which the search for readable texts ends."""

VOICE = "voice"


@dataclass(frozen=True)
class Engine:
    """What the pipeline works with. `timer` returns seconds of a monotonic clock."""

    records: RecordStore
    index: IndexStore
    embedder: Embedder
    reranker: Reranker | None
    declarations: Declarations
    now: Callable[[], datetime]
    timer: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True)
class Computed:
    """An answer, the workflow as it was set, and the disputed texts that the answer tells."""

    reply: ContextReply
    workflow: Workflow
    told: Sequence[TextKey]


class ContextService:
    """Answers requests for context. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._regions = Regions(engine.declarations.company.regions)

    def answer(self, request: ContextRequest, principal: Principal) -> ContextReply:
        """The governed context for one question, one customer, one workflow.

        Raises InvalidRequest and its kin for a request that cannot be answered, Forbidden for a workflow outside the grant, NotReady
        before the first release. What the principal may not read is never found, counted or named.
        """
        computed = self.compute(request, principal)
        self._audit(request, principal, computed)
        return computed.reply

    def compute(
        self, request: ContextRequest, principal: Principal, extra: Sequence[Ruling] = (), *, number: int | None = None
    ) -> Computed:
        """The answer as it would be with `extra` rulings beside those that stand, without a trace in the audit log.

        `number` is a release or standing draft that is read instead of what the request names; the caller answers for that being allowed.
        Raises what `answer` raises, and DraftConflict when a draft is published or changed while it is read.
        """
        engine, watch = self._engine, Stopwatch(self._engine.timer)
        declared = self._workflow(request, principal)
        now = engine.now()
        context = engine.new_id()
        if number is None:
            check_reader(principal, request.standpoint)
        release = pin_release(engine.records, request, now, context) if number is None else number
        state = self._draft_state(request, release) if number is None else DraftState.of(engine.records, release)
        workflow = as_set(engine.records, declared, release)
        situation = Situation(workflow.id, request.customer.id, now)
        customer = read_customer(engine.records, principal, request.customer, situation, release)
        known = situation_values(customer.facts, engine.declarations.company, self._regions, workflow.id, request.channel)
        asked = Asked(principal, situation, release, request.effective_on or now.date(), known, workflow.sources)
        watch.lap("customer")
        told, readable = self._filters(asked)
        watch.lap("scope")
        query = Query(request.query, engine.embedder.embed_query(request.query))
        watch.lap("embed")
        found = search(engine.index, query, told).including(self._own(customer, release))
        aside = search(engine.index, query, readable, SET_ASIDE_LIMIT)
        watch.lap("search")
        gate = Gate(engine.records, engine.declarations.sources, self._regions, asked)
        required = required_texts(engine.records, gate, asked, workflow)
        first = gate.read([*found.chunks[:POOL], *aside.chunks, *found.added])
        found, read = self._refilled(gate, query, told, found, first)
        texts = {**required.texts, **read}
        watch.lap("decide")
        rulings_on = standing_rulings(engine.records, ruled_at(engine.records, request.standpoint, release, now), extra)
        settled, texts = Settlement(engine.records, gate, asked, workflow.resolution, self._regions, rulings_on).settle(texts)
        selection = select(engine.records, gate, asked, required, found, aside.chunks, settled, texts)
        watch.lap("conflicts")
        reranker = self._reranker(workflow, request)
        if reranker:
            selection = by_pertinence(selection, reranker, request.query, workflow.rerank, found.added)
        selection = fresher_first(selection)
        watch.lap("rerank")
        judge = Judge(query, engine.embedder, reranker)
        answer = compose(engine.embedder.count_tokens, judge, engine.declarations.sources, workflow, request, found, selection)
        watch.lap("assemble")
        answer = replace(answer, notices=(*notices_at(request.standpoint, release), *answer.notices))
        require_unmoved(engine.records, release, state)
        reply = self._reply(context, asked, customer.facts, answer, selection, watch, reranker)
        return Computed(reply, workflow, told_texts(answer.items, settled.disputed))

    def _draft_state(self, request: ContextRequest, number: int) -> DraftState | None:
        """None where no draft is named: a release never changes."""
        return state_of_named(self._engine.records, number) if request.draft is not None else None

    def _workflow(self, request: ContextRequest, principal: Principal) -> Workflow:
        declared = self._engine.declarations.workflows
        if request.workflow not in declared:
            raise UnknownWorkflow(
                f"No workflow `{request.workflow}` is declared.", remedy=f"Use one of {', '.join(sorted(declared))}.", field="workflow"
            )
        workflow = declared[request.workflow]
        if not admits(principal.grant.workflows, workflow.id):
            raise Forbidden("Your grant does not cover this workflow.", remedy="Ask an operator for a wider grant.", field="workflow")
        if not admits(workflow.channels, request.channel):
            raise UnknownWorkflow(
                f"The workflow `{workflow.id}` is not held on channel `{request.channel}`.",
                remedy=f"Use one of {', '.join(sorted(workflow.channels))}.",
                field="channel",
            )
        return workflow

    def _filters(self, asked: Asked) -> tuple[SearchFilter, SearchFilter]:
        """What may be told to this customer on this day, and what may be read at all."""
        records = self._engine.records
        rules = [rule for rule in records.rules() if admits(asked.sources, rule.source)]
        scope = readable_scope(asked.principal, rules, asked.situation)
        facets = {facet.key: facet for facet in records.facets()}
        holding = frozenset(key for key, facet in facets.items() if self._may_hold(facet, asked))
        view = records.view(asked.release)
        told = SearchFilter(labels=scope.labels, facets=holding, release=view.base, effective_on=asked.day, draft=view.draft)
        return told, replace(told, facets=frozenset(facets), effective_on=None)

    def _may_hold(self, facet: Facet, asked: Asked) -> bool:
        needed = conditions(facet.applicability, self._regions)
        return facet.status is Status.CURRENT and fit(needed, asked.known).match is not Match.NO

    def _refilled(
        self, gate: Gate, query: Query, where: SearchFilter, found: Found, texts: Mapping[str, Text]
    ) -> tuple[Found, Mapping[str, Text]]:
        """What was found with as many readable texts as an answer looks at, if there are so many.

        Texts whose rule was tightened since they were indexed are found and not readable; they take nobody's place.
        """
        seen, limit = POOL, BRANCH_LIMIT
        while sum(chunk in texts for chunk in found.chunks[:seen]) < POOL:
            if seen < len(found.candidates):
                texts = {**texts, **gate.read(found.chunks[seen : seen + POOL])}
                seen += POOL
            elif limit <= len(found.candidates) and limit < MOST_HITS:
                limit *= 4
                found, seen = search(self._engine.index, query, where, limit).including(sorted(found.added)), 0
            else:
                break
        return found, texts

    def _own(self, customer: Customer, release: int) -> list[str]:
        """The customer's own record is always looked at: it says what no other text can, in words that no question uses."""
        chunks = self._engine.records.chunks_of(customer.record.document, release) if customer.record else []
        return [chunk.id for chunk in chunks]

    def _reply(
        self,
        context: str,
        asked: Asked,
        facts: CustomerFacts,
        answer: Answer,
        selection: Selection,
        watch: Stopwatch,
        reranker: Reranker | None,
    ) -> ContextReply:
        embedder = self._engine.embedder
        return ContextReply(
            context_id=context,
            served_at=asked.situation.now,
            release=asked.release,
            effective_on=asked.day,
            decision=answer.decision,
            asks_for=answer.asks_for,
            confidence=answer.confidence,
            items=answer.items,
            facts=facts.model_copy(update={"unknown": answer.unknown}),
            conflicts=answer.conflicts,
            excluded=selection.excluded,
            notices=answer.notices,
            models={"embedder": embedder.model_id} | ({"reranker": reranker.model_id} if reranker else {}),
            usage=watch.usage(answer.tokens, answer.budget),
        )

    def _reranker(self, workflow: Workflow, request: ContextRequest) -> Reranker | None:
        """The reranker, unless the workflow leaves it out or the channel has no time for it."""
        return self._engine.reranker if workflow.rerank and request.channel != VOICE else None

    def _audit(self, request: ContextRequest, principal: Principal, computed: Computed) -> None:
        """Everything needed to reconstruct the answer: who, for whom, under which grant, release and models, and what was told."""
        reply = computed.reply
        entry = AuditEntry(
            at=reply.served_at,
            actor=principal.id,
            action=Action.CONTEXT_SERVED,
            subject=reply.context_id,
            detail={
                "request": request.model_dump(mode="json", exclude_none=True),
                "principal": principal.model_dump(mode="json"),
                "release": reply.release,
                "effective_on": reply.effective_on.isoformat(),
                "declarations": digest(canonical_json(computed.workflow)),
                "models": dict(reply.models),
                "decision": reply.decision.value,
                "milliseconds": reply.usage.milliseconds["total"],
                "items": [item.chunk for item in reply.items],
                "conflicts": [conflict.id for conflict in reply.conflicts],
                "reply": digest(_recomputable(reply), length=64),
            },
        )
        with self._engine.records.writing() as tx:
            tx.add_served(ServedSide(text, reply.context_id, request.workflow, reply.served_at) for text in computed.told)
            tx.add_served_documents(
                ServedDocument(document, reply.context_id, request.workflow, reply.served_at)
                for document in sorted({item.lineage.document for item in reply.items})
            )
            tx.audit(entry)


def standing_rulings(records: RecordStore, moment: datetime, extra: Sequence[Ruling] = ()) -> RulingsOn:
    """The rulings that stand at `moment`, and `extra` ones."""
    return lambda documents: [ruling for ruling in (*records.rulings_on(documents), *extra) if ruling.stands_at(moment)]


def told_texts(items: Iterable[Item], disputed: Iterable[Words]) -> list[TextKey]:
    """Those disputed texts that some item tells in full."""
    cuts = {item.chunk: item.removed for item in items}
    told = {(one.document, one.text) for one in disputed if one.passage.chunk in cuts and _uncut(one.passage, cuts[one.passage.chunk])}
    return sorted(told)


def _uncut(passage: Passage, cuts: Iterable[Removed]) -> bool:
    return all(cut.end <= passage.start or passage.end <= cut.start for cut in cuts)


def _recomputable(reply: ContextReply) -> str:
    """The reply's bytes without what differs between two computations of the same answer."""
    return reply.model_dump_json(exclude={"context_id": True, "served_at": True, "usage": {"milliseconds"}})
