"""`POST /context`, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from math import ceil

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder, Reranker, TokenEncoder
from context_service.errors import Forbidden, UnknownWorkflow
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.model.access import Principal
from context_service.model.applicability import Facet, Status
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import admits, canonical_json, digest
from context_service.model.conflict import Ruling, TextKey
from context_service.model.context import ContextReply, ContextRequest, CustomerFacts, Item, Ranking, Removed
from context_service.model.rivalry import Passage
from context_service.model.workflow import Step, Tier, Workflow
from context_service.policy import Situation, readable_scope
from context_service.policy.applies import Match, Regions, conditions, fit
from context_service.records.change_protocol import ServedDocument
from context_service.records.protocol import RecordStore, ServedSide
from context_service.retrieval.answer import Answer, Judge, compose
from context_service.retrieval.as_set import as_set
from context_service.retrieval.confidence import Signals
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
from context_service.retrieval.search import BRANCH_LIMIT, Found, search
from context_service.retrieval.select import Selection, by_pertinence, fresher_first, required_texts, select
from context_service.retrieval.settle import RulingsOn, Settled, Settlement
from context_service.retrieval.stopwatch import Stopwatch
from context_service.retrieval.tiers import CrossEncoderTier, LateInteractionTier, Ranker
from context_service.retrieval.understand import Turn, each_part, search_each, understand

SET_ASIDE_LIMIT = 20
"""Hits per branch that are looked at to tell what was set aside."""

POOL = 24
"""Candidates that are read from the records and go on to ranking and conflicts."""

LEAN_BRANCH_LIMIT, LEAN_POOL = 20, 12
"""The same two numbers at the step of load where fewer candidates are looked at."""

BUSY = {
    Step.FAST: "The service is busy: the candidates were put in order by late interaction and not by the cross-encoder.",
    Step.LEAN: "The service is busy: fewer candidates were looked at, in the order of the search.",
}

NOT_ENCODED = "The candidates stand in the order of the search: some of their texts are not encoded for the fast tier yet."

MOST_HITS = 3_200
"""Hits per branch at which the search for readable texts ends."""


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
    encoder: TokenEncoder | None = None


@dataclass(frozen=True)
class Computed:
    """An answer, the workflow as it was set, the disputed texts that the answer tells, and what its confidence comes from."""

    reply: ContextReply
    workflow: Workflow
    told: Sequence[TextKey]
    signals: Signals
    """What the confidence was computed from."""


class ContextService:
    """Answers requests for context. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._regions = Regions(engine.declarations.company.regions)
        self._rankers: dict[Tier, Ranker] = {}
        if engine.reranker:
            self._rankers[Tier.THOROUGH] = CrossEncoderTier(engine.reranker)
        if engine.encoder:
            self._rankers[Tier.FAST] = LateInteractionTier(engine.encoder, engine.records)

    def answer(self, request: ContextRequest, principal: Principal, step: Step = Step.FULL) -> ContextReply:
        """The governed context for one question, one customer, one workflow, at a step of load.

        Raises InvalidRequest and its kin for a request that cannot be answered, Forbidden for a workflow outside the grant, NotReady
        before the first release. What the principal may not read is never found, counted or named.
        """
        # A draft may move while it is read, which is seen only outside of what the records were when the reading began.
        with self._engine.records.steady() if request.draft is None else nullcontext():
            computed = self.compute(request, principal, step=step)
        self._audit(request, principal, computed)
        return computed.reply

    def compute(
        self,
        request: ContextRequest,
        principal: Principal,
        extra: Sequence[Ruling] = (),
        *,
        number: int | None = None,
        step: Step = Step.FULL,
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
        turn = understand(request.query, engine.embedder.embed_query, engine.declarations.company.glossary)
        watch.lap("embed")
        branch_limit, pool = (LEAN_BRANCH_LIMIT, LEAN_POOL) if step is Step.LEAN else (BRANCH_LIMIT, POOL)
        found = search_each(engine.index, turn, told, branch_limit).including(self._own(customer, release))
        aside = search(engine.index, turn.whole, readable, SET_ASIDE_LIMIT)
        watch.lap("search")
        gate = Gate(engine.records, engine.declarations.sources, self._regions, asked)
        required = required_texts(engine.records, gate, asked, workflow)
        first = gate.read([*found.chunks[:pool], *aside.chunks, *found.added])
        found, read = self._refilled(gate, turn, told, found, first, pool, branch_limit)
        texts = {**required.texts, **read}
        watch.lap("decide")
        rulings_on = standing_rulings(engine.records, ruled_at(engine.records, request.standpoint, release, now), extra)
        settlement = Settlement(engine.records, gate, asked, workflow.resolution, self._regions, rulings_on)
        settled, texts = without_crowding(settlement, gate, texts, found, pool)
        selection = select(engine.records, gate, asked, required, found, aside.chunks, settled, texts)
        watch.lap("conflicts")
        wanted = workflow.tier(request.channel, step)
        rank = partial(self._ranked, wanted=wanted, workflow=workflow, found=found, share=len(turn.parts))
        selection = fresher_first(each_part(selection, found, turn, rank))
        watch.lap("rerank")
        judge = Judge(turn.whole, engine.embedder, engine.reranker if selection.tier is Tier.THOROUGH else None)
        answer = compose(engine.embedder.count_tokens, judge, engine.declarations.sources, workflow, request, found, selection)
        watch.lap("assemble")
        lowered = step if workflow.tier(request.channel) is not wanted or step is Step.LEAN else Step.FULL
        busy = [BUSY[lowered]] if lowered else []
        answer = replace(answer, notices=(*notices_at(request.standpoint, release), *busy, *answer.notices))
        require_unmoved(engine.records, release, state)
        reply = self._reply(context, asked, customer.facts, answer, selection, watch, Ranking(tier=selection.tier, step=step))
        return Computed(reply, workflow, told_texts(answer.items, settled.disputed), answer.signals)

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
        self, gate: Gate, turn: Turn, where: SearchFilter, found: Found, texts: Mapping[str, Text], pool: int, limit: int
    ) -> tuple[Found, Mapping[str, Text]]:
        """What was found with as many readable texts as an answer looks at, if there are so many.

        Texts whose rule was tightened since they were indexed are found and not readable; they take nobody's place.
        """
        seen = pool
        while sum(chunk in texts for chunk in found.chunks[:seen]) < pool:
            if seen < len(found.candidates):
                texts = {**texts, **gate.read(found.chunks[seen : seen + pool])}
                seen += pool
            elif limit <= len(found.candidates) and limit < MOST_HITS:
                limit *= 4
                found, seen = search_each(self._engine.index, turn, where, limit).including(sorted(found.added)), 0
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
        ranking: Ranking,
    ) -> ContextReply:
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
            models=self._models(ranking.tier),
            ranking=ranking,
            usage=watch.usage(answer.tokens, answer.budget),
        )

    def _ranked(self, selection: Selection, query: str, wanted: Tier, workflow: Workflow, found: Found, share: int) -> Selection:
        """The candidates in the order of the wanted tier, or of the next one below it that can answer. A turn of `share` questions has each
        of them read its share of the candidates.
        """
        for tier in list(Tier)[list(Tier).index(wanted) :]:
            ranker = self._rankers.get(tier)
            depth = ceil((workflow.rerank if tier is Tier.THOROUGH else POOL) / share)
            if ranker and (ranked := by_pertinence(selection, ranker, query, depth, found.added)):
                return ranked
            if ranker:
                selection = replace(selection, notices=(*selection.notices, NOT_ENCODED))
        return selection

    def _models(self, tier: Tier) -> dict[str, str]:
        ranker = self._rankers.get(tier)
        return {"embedder": self._engine.embedder.model_id} | ({"reranker": ranker.model_id} if ranker else {})

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
                "tier": reply.ranking.tier.value,
                "step": reply.ranking.step.value,
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


def without_crowding(
    settlement: Settlement, gate: Gate, texts: Mapping[str, Text], found: Found, pool: int
) -> tuple[Settled, dict[str, Text]]:
    """What is settled once `pool` candidates are read that are no copies of others: copies of one text keep nothing else out."""
    read = pool
    settled, every = settlement.settle(texts)
    while (wanted := pool + sum(_repeats(settled, every, chunk) for chunk in found.chunks[:read])) > read and read < len(found.chunks):
        every = {**every, **gate.read([chunk for chunk in found.chunks[read:wanted] if chunk not in every])}
        settled, every = settlement.settle(every)
        read = wanted
    return settled, every


def _repeats(settled: Settled, texts: Mapping[str, Text], chunk: str) -> bool:
    """Whether another chunk is told instead of this one as a whole."""
    whole = len(texts[chunk].chunk.text) if chunk in texts else 0
    return chunk in settled.copies or any(cut.start == 0 < whole <= cut.end for cut in settled.removed.get(chunk, ()))


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
