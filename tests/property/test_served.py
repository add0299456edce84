"""Over any corpus, grants, customers, days and releases: what is served may be read and holds, and nothing else shows."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from context_service.declarations.company import Declarations
from context_service.errors import Forbidden, UnknownCustomer
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import IndexStore
from context_service.ingest.indexing import reconcile
from context_service.ingest.prepare import Prepared, document_id, prepare
from context_service.ingest.rivals import RivalFinder
from context_service.model.access import Access, Classification, Grant, Principal, PrincipalKind
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.base import admits
from context_service.model.context import ContextReply, ContextRequest, CustomerRef, Item
from context_service.model.document import Content, Element, ElementKind, Parsed
from context_service.model.release import ReleaseKind
from context_service.model.source import Company, Overrides, Source
from context_service.model.workflow import MustInclude, Workflow
from context_service.policy import Situation, decide
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.retrieval.service import ContextService, Engine
from tests.fakes import FakeEmbedder, FakeReranker

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = [date(2026, 1, 1), date(2026, 6, 1), NOW.date(), date(2027, 1, 1)]
RELEASES = 3
KEYS = 5
"""Documents of each source, at most."""
SOURCES = ("handbook", "forum")
GROUPS: dict[str, tuple[str, ...]] = {"EU": ("DE", "FR"), "US": ()}
CUSTOMERS = {"C-1": {"region": "DE", "plan": "plus"}, "C-2": {"region": "US"}}
"""The customers there are, and what their records say; nothing is known of the plan of the second."""

PUBLIC = Access(classification=Classification.PUBLIC, audiences=frozenset({"a", "b"}))
COMPANY = Company(
    name="Brightwater", authority={"policy": 80, "article": 40}, regions=GROUPS, plans=("basic", "plus"), audiences=("a", "b")
)
DECLARED = {
    name: Source(id=name, kind="docs", title=name, owner="team-a", authority="article", access=PUBLIC if name == "crm" else None)
    for name in (*SOURCES, "crm")
}
WORKFLOWS = {
    "refund": Workflow(id="refund", title="Refund", must_include=(MustInclude(document="handbook:0"),), minimum_confidence=0),
    "delivery": Workflow(id="delivery", title="Delivery", sources=frozenset({"handbook", "crm"}), rerank=0, minimum_confidence=0),
}


@dataclass(frozen=True)
class State:
    """A document as one release finds it: its front matter, and how many days it speaks of."""

    front_matter: Overrides
    days: int

    def under(self, access: Access | None) -> State:
        """The same under another access rule."""
        return replace(self, front_matter=self.front_matter.model_copy(update={"access": access}))


Name = tuple[str, str]
"""Source and key."""


@dataclass(frozen=True)
class Corpus:
    """What each release changes: documents that are new or other than before, and, as None, those it deletes."""

    releases: tuple[Mapping[Name, State | None], ...]

    def without(self, documents: set[Name]) -> Corpus:
        """The same company, had it never had these documents."""
        return Corpus(tuple({name: state for name, state in release.items() if name not in documents} for release in self.releases))

    def locked(self, documents: Collection[Name], access: Access | None) -> Corpus:
        """The same company with one access rule on these documents, in every release."""
        return Corpus(
            tuple(
                {name: state.under(access) if state and name in documents else state for name, state in release.items()}
                for release in self.releases
            )
        )


def subsets(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), max_size=2)


def often(value: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly `value`, so that enough is left to be served."""
    return st.one_of(*[st.just(value)] * 4, others)


accesses = st.builds(
    Access,
    classification=st.sampled_from(Classification),
    audiences=subsets("a", "b"),
    workflows=often(frozenset(), subsets("refund", "delivery")),
    customer=often(None, st.sampled_from([*CUSTOMERS, "C-3"])),
)
applicabilities = st.builds(
    Applicability,
    regions=subsets("EU", "DE", "US"),
    plans=often(frozenset(), subsets("basic", "plus")),
    workflows=often(frozenset(), subsets("refund", "delivery")),
    channels=often(frozenset(), subsets("chat", "voice")),
)
windows = st.lists(st.sampled_from(DAYS), min_size=2, max_size=2).map(sorted).map(lambda ends: Window(since=ends[0], until=ends[1]))
twists = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries({"access": st.one_of(st.none(), accesses)}),
    st.fixed_dictionaries({"applicability": applicabilities}),
    st.fixed_dictionaries({"effective": windows}),
    st.fixed_dictionaries({"status": st.sampled_from(Status)}),
    st.fixed_dictionaries({"supersedes": st.sampled_from([("handbook:1",), ("forum:0",)])}),
)
front_matters = st.builds(
    lambda one, other, plain: Overrides(**{"access": PUBLIC, **plain, **one, **other}),
    twists,
    twists,
    st.fixed_dictionaries({"owner": st.sampled_from(["team-a", "team-b"]), "authority": st.sampled_from(["policy", "article"])}),
)
states = st.builds(State, front_matter=front_matters, days=st.sampled_from([14, 30]))
NAMES = [(source, str(number)) for source in SOURCES for number in range(KEYS)]
names = st.sampled_from(NAMES)
changes = st.dictionaries(names, st.one_of(st.none(), states, states), max_size=5)
corpora = st.builds(Corpus, st.tuples(st.fixed_dictionaries(dict.fromkeys(NAMES, states)), changes, changes))
principals = st.builds(
    Principal,
    id=st.just("asker"),
    kind=st.sampled_from(PrincipalKind),
    teams=often(frozenset(), subsets("team-a", "team-b")),
    grant=st.builds(
        Grant,
        workflows=often("*", subsets("refund", "delivery")),
        sources=often("*", subsets("handbook", "crm")),
        audiences=often(frozenset({"a"}), subsets("a", "b")),
        ceiling=often(Classification.INTERNAL, st.sampled_from(Classification)),
        customers=often("*", subsets(*CUSTOMERS)),
    ),
)
requests = st.builds(
    ContextRequest,
    query=st.sampled_from(["How many days do I have to return a product?", "What does the handbook say under 1 and the forum under 0?"]),
    customer=st.builds(
        CustomerRef, id=st.one_of(st.none(), st.sampled_from(list(CUSTOMERS))), attributes=often({}, st.just({"region": "FR"}))
    ),
    workflow=st.sampled_from(list(WORKFLOWS)),
    channel=st.sampled_from(["chat", "voice"]),
    token_budget=st.one_of(st.none(), st.integers(1, 60)),
    release=st.one_of(st.none(), st.integers(1, RELEASES)),
    effective_on=st.one_of(st.none(), st.sampled_from(DAYS)),
)


def thorough(examples: int) -> settings:
    """Without the phase that explains a failure, which would take minutes."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    unwell = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(max_examples=examples, deadline=None, suppress_health_check=unwell, phases=phases)


@thorough(25)
@given(corpora, st.lists(st.tuples(principals, requests), min_size=20, max_size=20))
def test_whatever_is_served_may_be_read_is_in_the_release_and_holds(
    corpus: Corpus, askings: Sequence[tuple[Principal, ContextRequest]]
) -> None:
    with served(corpus) as (service, records):
        for principal, request in askings:
            reply = _answered(service, request, principal)
            for item in reply.items if reply else ():
                _assert_may_be_told(records, principal, request, item)


@thorough(15)
@given(
    corpora,
    st.frozensets(names, min_size=1, max_size=6),
    st.one_of(st.none(), accesses),
    principals,
    st.lists(requests, min_size=8, max_size=8),
)
def test_what_may_not_be_read_changes_nothing_in_the_reply(
    corpus: Corpus, locked: frozenset[Name], lock: Access | None, principal: Principal, requests: Sequence[ContextRequest]
) -> None:
    requests = [request.model_copy(update={"workflow": requests[0].workflow, "customer": requests[0].customer}) for request in requests]
    corpus = corpus.locked(locked, lock)
    hidden = _hidden(corpus, principal, requests[0])
    event("something is hidden" if hidden else "nothing is hidden")
    with served(corpus) as (service, _):
        replies = [_answered(service, request, principal) for request in requests]
    with served(corpus.without(hidden)) as (service, _):
        for request, reply in zip(requests, replies, strict=True):
            assert _comparable(_answered(service, request, principal)) == _comparable(reply)


def _assert_may_be_told(records: RecordStore, principal: Principal, request: ContextRequest, item: Item) -> None:
    release, situation = request.release or RELEASES, Situation(request.workflow, request.customer.id, NOW)
    chunk = records.chunks([item.chunk])[item.chunk]
    revision = records.revisions([chunk.revision])[chunk.revision]
    assert chunk.added_in <= release < (chunk.removed_in or RELEASES + 1)
    assert decide(principal, revision.resource, situation).allowed
    assert all(decide(principal, rule, situation).allowed for rule in records.current_resources([revision.document])[revision.document])
    assert admits(WORKFLOWS[request.workflow].sources, revision.source)
    assert revision.governance.status is Status.CURRENT
    assert revision.governance.effective.holds_on(request.effective_on or NOW.date())
    assert _may_hold(revision.governance.applicability, request)


def _may_hold(needed: Applicability, request: ContextRequest) -> bool:
    """Whether some customer of whom this much is known could be meant, by trying them all."""
    known: dict[str, str] = {**request.customer.attributes, **CUSTOMERS.get(request.customer.id or "", {})}
    regions = [known["region"]] if "region" in known else ["DE", "FR", "US"]
    plans = [known["plan"]] if "plan" in known else ["basic", "plus"]
    covered = {leaf for region in needed.regions for leaf in GROUPS.get(region) or (region,)}
    return (
        (not needed.regions or any(region in covered for region in regions))
        and (not needed.plans or any(plan in needed.plans for plan in plans))
        and (not needed.workflows or request.workflow in needed.workflows)
        and (not needed.channels or request.channel in needed.channels)
    )


def _hidden(corpus: Corpus, principal: Principal, request: ContextRequest) -> set[Name]:
    """The documents of which this request may read no state at all."""
    situation = Situation(request.workflow, request.customer.id, NOW)
    stated = [(name, state) for release in corpus.releases for name, state in release.items() if state]
    readable = {name for name, state in stated if decide(principal, _document(name, state, 1).revision.resource, situation).allowed}
    return {name for name, _ in stated} - readable


def _answered(service: ContextService, request: ContextRequest, principal: Principal) -> ContextReply | None:
    try:
        return service.answer(request, principal)
    except (Forbidden, UnknownCustomer):
        return None


def _comparable(reply: ContextReply | None) -> str | None:
    return reply.model_dump_json(exclude={"context_id": True, "usage": {"milliseconds"}}, indent=1) if reply else None


@contextmanager
def served(corpus: Corpus) -> Iterator[tuple[ContextService, RecordStore]]:
    """The corpus in stores of its own, release by release, and the service over it."""
    embedder = FakeEmbedder(16)
    with tempfile.TemporaryDirectory() as folder:
        records, index = open_records("sqlite://"), open_embedded_index(Path(folder), embedder.dimension)
        try:
            for number in range(1, RELEASES + 1):
                _publish(records, index, embedder, corpus.releases[number - 1], number)
            engine = Engine(
                records,
                index,
                embedder,
                FakeReranker(),
                Declarations(COMPANY, DECLARED, {}, WORKFLOWS),
                now=lambda: NOW,
                timer=lambda: 0.0,
                new_id=lambda: "id",
            )
            yield ContextService(engine), records
        finally:
            index.close()
            records.close()


def _publish(records: RecordStore, index: IndexStore, embedder: FakeEmbedder, changes: Mapping[Name, State | None], number: int) -> None:
    new = [_document(name, state, number) for name, state in changes.items() if state]
    deleted = [document_id(*name) for name, state in changes.items() if state is None]
    customers = [_customer(name, facts) for name, facts in CUSTOMERS.items()] if number == 1 else []
    with records.writing() as tx:
        tx.open_draft(str(number), ReleaseKind.SYNC, NOW, "test")
        for prepared in [*customers, *new]:
            tx.put_revision(prepared.revision, prepared.version, prepared.chunks)
        for document in deleted:
            tx.remove_document(document, number)
    reconcile(records, index, embedder, after=number - 1, report=lambda done, total: None)
    RivalFinder(records, COMPANY).run(number, lambda done, total: None)
    with records.writing() as tx:
        tx.publish(number, NOW, "test")


def _document(name: Name, state: State, number: int) -> Prepared:
    source, key = name
    said = (
        f"{source} {key}",
        f"You can return a product within {state.days} days of delivery for a full refund.",
        f"This is what the {source} says under {key} about returning a product.",
    )
    return _prepared(source, key, said, state.front_matter.model_dump(mode="json", exclude_none=True), {}, None, number)


def _customer(customer: str, facts: Mapping[str, str]) -> Prepared:
    said = (f"Record of {customer}", *(f"The {name} is {value}." for name, value in facts.items()))
    return _prepared("crm", f"Account/{customer}", said, {}, facts, customer, 1)


def _prepared(
    source: str,
    key: str,
    said: Sequence[str],
    front_matter: dict[str, JsonValue],
    facts: Mapping[str, str],
    customer: str | None,
    number: int,
) -> Prepared:
    heading, *paragraphs = said
    elements = (
        Element(kind=ElementKind.HEADING, text=heading, level=1),
        *(Element(kind=ElementKind.PARAGRAPH, text=text) for text in paragraphs),
    )
    parsed = Parsed(title=heading, elements=elements, parser="test", parser_version="1", front_matter=front_matter, facts=dict(facts))
    content = Content(key=key, raw=b"", media_type="text/plain", url=key, fingerprint="", customer=customer)
    return prepare(COMPANY, DECLARED[source], content, parsed, draft=number, run="run", count_tokens=lambda text: len(text.split()))
