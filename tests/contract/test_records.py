"""The contract of `RecordStore`, on every backend. Values come from `records_values`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from context_service.audit.chain import verify
from context_service.errors import DraftConflict, StoreError
from context_service.model.access import BOUND, Access, Classification, Grant, Principal, PrincipalKind
from context_service.model.audit import Action
from context_service.model.base import digest
from context_service.model.document import ItemMark, Outcome, OutcomeKind, RunState, SyncRun
from context_service.model.release import Release, ReleaseKind
from context_service.records.protocol import CLAIMS_PER_KEY, ChunkRange, KeyedClaim, RecordStore
from context_service.records.sql import open_records
from tests.contract.records_values import NOW, PUBLIC, claim, database, entry, opened, publish, put, remove, rivals, state

HOSTILE = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "hostile" / "naughty-strings.json"
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=["sqlite-private", "sqlite-file", POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[RecordStore]:
    store = open_records(url)
    yield store
    store.close()


@pytest.fixture(params=["sqlite-file", POSTGRES])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that several processes can open."""
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def two_stores(shared_url: str) -> Iterator[tuple[RecordStore, RecordStore]]:
    """Two stores on one database, as two processes have them."""
    stores = open_records(shared_url), open_records(shared_url)
    yield stores
    for store in stores:
        store.close()


def released(number: int) -> Release:
    """What `publish` stores."""
    return Release(
        number=number,
        published_at=NOW + timedelta(hours=number),
        base=number - 1,
        draft=f"draft-{number}",
        sources=frozenset({"handbook"}),
        by="test",
    )


def everything(store: RecordStore, release: int) -> object:
    """All that a reader of `release` can see of the documents."""
    revisions = store.revisions_in(release)
    return [(revision, store.version(revision.version), store.chunks_of(revision.document, release)) for revision in revisions]


class TestReleases:
    def test_before_the_first_release_there_is_nothing(self, store: RecordStore) -> None:
        assert store.head() == 0
        assert store.releases() == []
        assert store.release_at(NOW) is None
        assert everything(store, 0) == []

    def test_publishing_moves_the_head_and_is_remembered(self, store: RecordStore) -> None:
        publish(store, 1)
        publish(store, 2)
        assert store.head() == 2
        assert store.releases() == [
            released(1),
            released(2),
        ]

    def test_a_moment_finds_the_release_that_was_current(self, store: RecordStore) -> None:
        publish(store, 1)
        publish(store, 2)
        first = NOW + timedelta(hours=1)
        assert store.release_at(first - timedelta(microseconds=1)) is None
        assert store.release_at(first) == 1
        assert store.release_at(first + timedelta(minutes=59)) == 1
        assert store.release_at(first + timedelta(days=900)) == 2

    @pytest.mark.parametrize("draft", [0, 1, 3])
    def test_only_a_standing_draft_can_be_published(self, store: RecordStore, draft: int) -> None:
        publish(store, 1)
        opened(store, 2)
        with pytest.raises(DraftConflict), store.writing() as tx:
            tx.publish(draft, NOW, "test")
        assert store.head() == 1

    def test_of_two_that_publish_the_same_draft_one_is_refused(self, two_stores: tuple[RecordStore, RecordStore]) -> None:
        def attempt(store: RecordStore) -> bool:
            try:
                publish(store, 1)
            except DraftConflict:
                return False
            return True

        opened(two_stores[0], 1)
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(attempt, two_stores)) == [False, True]
        assert two_stores[0].releases() == two_stores[1].releases() == [released(1)]

    def test_a_draft_cannot_be_published_while_somebody_writes_it(self, two_stores: tuple[RecordStore, RecordStore]) -> None:
        writer, publisher = two_stores
        opened(writer, 1)
        with ThreadPoolExecutor(1) as pool:
            with writer.writing() as tx:
                tx.put_revision(*state("returns.md", 1))
                other = pool.submit(publish, publisher, 1)
                with pytest.raises(TimeoutError):
                    other.result(timeout=0.3)
                tx.publish(1, NOW, "test")
            with pytest.raises(DraftConflict):
                other.result(timeout=60)
        assert writer.releases() == [released(1).model_copy(update={"published_at": NOW})]

    @pytest.mark.parametrize("draft", [1, 3])
    def test_only_a_standing_draft_can_be_written(self, store: RecordStore, draft: int) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        opened(store, 2)
        before = everything(store, 1)
        with pytest.raises(DraftConflict), store.writing() as tx:
            tx.put_revision(*state("returns.md", draft, words="Other words."))
        with pytest.raises(DraftConflict), store.writing() as tx:
            tx.remove_document(digest("handbook", "returns.md"), draft)
        assert everything(store, 1) == before

    def test_one_transaction_may_write_a_draft_and_publish_it(self, store: RecordStore) -> None:
        revision, version, chunks = state("returns.md", 1)
        with store.writing() as tx:
            tx.open_draft("draft-1", ReleaseKind.SYNC, NOW, "test", sources=["handbook"])
            tx.put_revision(revision, version, chunks)
            assert tx.publish(1, NOW, "test") == released(1).model_copy(update={"published_at": NOW})
            with pytest.raises(DraftConflict):
                tx.put_revision(revision, version, chunks)
        assert store.revisions_in(store.head()) == [revision]


class TestDrafts:
    def test_what_was_put_is_read_back_whole(self, store: RecordStore) -> None:
        revision, version, chunks = state("returns.md", 1, facts={"plan": "plus", "seats": 3}, supersedes=("handbook:old.md",))
        put(store, (revision, version, chunks))
        assert store.revisions([revision.id]) == {revision.id: revision}
        assert store.version(version.id) == version
        assert store.chunks([chunk.id for chunk in chunks]) == {chunk.id: chunk for chunk in chunks}
        assert store.chunks_of(revision.document, 1) == list(chunks)
        assert store.revision_of("handbook", "returns.md", 1) == revision

    def test_unknown_names_find_nothing(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        assert store.chunks(["nobody"]) == {}
        assert store.revisions(["nobody"]) == {}
        assert store.chunks([]) == {}
        assert store.chunks_of("nobody", 1) == []
        assert store.history("nobody") == []
        assert store.version("nobody") is None
        assert store.revision_of("handbook", "nobody", 1) is None
        assert store.revision_of("nobody", "returns.md", 1) is None

    def test_steady_reads_see_one_state_and_later_ones_the_next(self, two_stores: tuple[RecordStore, RecordStore]) -> None:
        reader, writer = two_stores
        with reader.steady():
            before = reader.principals()
            with writer.writing() as tx:
                tx.register(Principal(id="agent", kind=PrincipalKind.AGENT), "hash")
            assert reader.principals() == before == []
        assert [principal.id for principal in reader.principals()] == ["agent"]

    def test_a_reader_of_a_release_does_not_see_the_draft(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1), state("pricing.md", 1))
        publish(store, 1)
        before = everything(store, 1)
        put(store, state("returns.md", 2, words="Now within 30 days."), state("new.md", 2))
        remove(store, "pricing.md", 2)
        assert store.head() == 1
        assert [revision.key for revision in store.revisions_in(1)] == ["pricing.md", "returns.md"]
        # Ranges of what the draft ended are now closed; nothing else of release 1 has changed.
        assert without_ends(everything(store, 1)) == without_ends(before)
        publish(store, 2)
        assert without_ends(everything(store, 1)) == without_ends(before)
        assert [revision.key for revision in store.revisions_in(2)] == ["new.md", "returns.md"]

    def test_a_new_state_ends_the_one_before_it(self, store: RecordStore) -> None:
        (old, _, old_chunks), (new, version, new_chunks) = state("returns.md", 1), state("returns.md", 2, words="Now within 30 days.")
        put(store, state("returns.md", 1))
        publish(store, 1)
        put(store, (new, version, new_chunks))
        assert store.history(old.document) == [old.model_copy(update={"removed_in": 2}), new]
        assert store.chunks([old_chunks[0].id])[old_chunks[0].id].removed_in == 2
        assert store.chunks_of(old.document, 1) == [chunk.model_copy(update={"removed_in": 2}) for chunk in old_chunks]
        assert store.chunks_of(old.document, 2) == list(new_chunks)
        assert store.revision_of("handbook", "returns.md", 1) == old.model_copy(update={"removed_in": 2})

    def test_a_state_of_the_same_draft_is_replaced_without_a_trace(self, store: RecordStore) -> None:
        first = state("returns.md", 1, words="First try.", supersedes=("handbook:a.md",))
        second = state("returns.md", 1, words="Second try.", supersedes=("handbook:b.md",))
        put(store, first)
        put(store, second)
        assert store.history(first[0].document) == [second[0]]
        assert store.chunks([chunk.id for chunk in first[2]]) == {}
        assert store.superseding(["handbook:a.md", "handbook:b.md"], 1) == {"handbook:b.md": [second[0]]}

    def test_replacing_in_the_draft_keeps_the_published_state_ended_once(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        put(store, state("returns.md", 2, words="First try."))
        put(store, state("returns.md", 2, words="Second try."))
        assert [(found.added_in, found.removed_in) for found in store.history(state("returns.md", 1)[0].document)] == [(1, 2), (2, None)]

    def test_repeating_a_write_changes_nothing(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        again = state("returns.md", 2, words="Now within 30 days.", supersedes=("handbook:old.md",))
        put(store, again)
        before = everything(store, 1), everything(store, 2), list(store.chunk_ranges()), store.rules(), store.facets()
        put(store, again, again)
        assert (everything(store, 1), everything(store, 2), list(store.chunk_ranges()), store.rules(), store.facets()) == before
        remove(store, "returns.md", 2)
        removed = everything(store, 1), everything(store, 2)
        remove(store, "returns.md", 2)
        assert (everything(store, 1), everything(store, 2)) == removed

    def test_a_removed_document_is_gone_from_the_next_release_only(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        remove(store, "returns.md", 2)
        publish(store, 2)
        assert [revision.removed_in for revision in store.revisions_in(1)] == [2]
        assert everything(store, 2) == []
        assert store.chunks_of(state("returns.md", 1)[0].document, 2) == []

    def test_a_document_removed_from_the_draft_that_added_it_leaves_no_trace(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        remove(store, "returns.md", 1)
        assert store.history(state("returns.md", 1)[0].document) == []
        assert list(store.chunk_ranges()) == []
        assert not store.draft_touched(1)

    def test_a_document_removed_and_put_again_in_one_draft_is_there_in_both_releases(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        remove(store, "returns.md", 2)
        put(store, state("returns.md", 2))
        publish(store, 2)
        assert [revision.key for revision in store.revisions_in(1)] == ["returns.md"]
        assert store.revisions_in(2) == [state("returns.md", 2)[0]]
        assert store.chunks_of(state("returns.md", 2)[0].document, 2) == list(state("returns.md", 2)[2])

    def test_a_document_can_come_back_releases_later(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        remove(store, "returns.md", 2)
        publish(store, 2)
        put(store, state("returns.md", 3))
        publish(store, 3)
        assert [len(store.revisions_in(release)) for release in (1, 2, 3)] == [1, 0, 1]

    def test_removing_an_unknown_document_does_nothing(self, store: RecordStore) -> None:
        remove(store, "never-seen.md", 1)
        assert not store.draft_touched(1)

    def test_an_id_of_another_release_is_refused_and_nothing_is_written(self, store: RecordStore) -> None:
        revision, version, chunks = state("returns.md", 1)
        put(store, (revision, version, chunks))
        publish(store, 1)
        before = everything(store, 1)
        with pytest.raises(StoreError):
            put(store, (revision.model_copy(update={"added_in": 2}), version, chunks))
        assert everything(store, 1) == before
        assert not store.draft_touched(2)

    def test_a_draft_is_touched_by_additions_and_by_removals(self, store: RecordStore) -> None:
        put(store, state("returns.md", 1))
        publish(store, 1)
        assert not store.draft_touched(2)
        remove(store, "returns.md", 2)
        assert store.draft_touched(2)
        publish(store, 2)
        put(store, state("returns.md", 3))
        assert store.draft_touched(3)

    def test_ids_and_keys_differ_by_case(self, store: RecordStore) -> None:
        lower, upper = state("readme.md", 1), state("README.md", 1, words="Shouted.")
        renamed = [(chunk.model_copy(update={"id": name}),) for chunk, name in zip((lower[2][0], upper[2][0]), ("aa", "AA"), strict=True)]
        put(store, (*lower[:2], renamed[0]), (*upper[:2], renamed[1]))
        assert store.chunks(["AA"]) == {"AA": renamed[1][0]}
        assert store.revision_of("handbook", "README.md", 1) == upper[0]
        assert store.revision_of("handbook", "Readme.md", 1) is None
        assert [row.chunk for row in store.chunk_ranges()] == ["AA", "aa"]


def without_ends(value: object) -> object:
    """The same without `removed_in`, which a later release may set."""
    return json.loads(json.dumps(value, default=lambda model: model.model_dump(mode="json", exclude={"removed_in"})))


class TestRanges:
    def test_ranges_come_by_id_and_can_be_limited_to_one_release(self, store: RecordStore) -> None:
        kept, ended = state("kept.md", 1), state("ended.md", 1)
        added = state("added.md", 2)
        put(store, kept, ended)
        publish(store, 1)
        put(store, added)
        remove(store, "ended.md", 2)
        expected = [ChunkRange(chunk.id, 1, None) for chunk in kept[2]]
        touched = [ChunkRange(chunk.id, 1, 2) for chunk in ended[2]] + [ChunkRange(chunk.id, 2, None) for chunk in added[2]]
        assert list(store.chunk_ranges(2)) == sorted(touched, key=lambda row: row.chunk)
        assert list(store.chunk_ranges()) == sorted(expected + touched, key=lambda row: row.chunk)
        assert list(store.chunk_ranges(7)) == []

    def test_a_streamed_read_keeps_its_state_while_others_write(self, store: RecordStore) -> None:
        put(store, state("long.md", 1, pieces=2_500))
        publish(store, 1)
        rows = store.chunk_ranges()
        first = next(rows)
        remove(store, "long.md", 2)
        put(store, state("other.md", 2))
        publish(store, 2)
        seen = [first, *rows]
        assert len(seen) == 2_500
        assert {row.removed_in for row in seen} == {None}

    def test_a_read_of_many_ids_sees_one_state(self, store: RecordStore) -> None:
        names = [state("first.md", 1)[0].document, *map(str, range(6_000)), state("last.md", 1)[0].document]

        def write_both(customer: str) -> None:
            access = PUBLIC.model_copy(update={"customer": customer})
            put(store, state("first.md", 1, access=access), state("last.md", 1, access=access))

        write_both("before")
        with ThreadPoolExecutor(1) as pool:
            writes = [pool.submit(write_both, str(number)) for number in range(40)]
            while not writes[-1].done():
                assert len(set(store.current_resources(names).values())) == 1

    def test_more_ids_than_a_statement_can_hold_are_one_call(self, store: RecordStore) -> None:
        revision, version, chunks = state("long.md", 1, pieces=500)
        put(store, (revision, version, chunks))
        with store.writing() as tx:
            tx.put_rivalries([rivals(chunks[0], chunks[-1])])
            tx.put_vectors("m", {chunk.id: np.zeros(2, np.float32) for chunk in chunks})
        ids = [chunk.id for chunk in chunks]
        names = [*ids[:250], *map(str, range(66_000)), *ids[250:]]
        assert store.chunks(names) == {chunk.id: chunk for chunk in chunks}
        assert store.rivalries(names[-34_000:] + ids, 1) == [rivals(chunks[0], chunks[-1])]
        few = names[-10_000:]
        assert store.vectors("m", few).keys() == set(ids[250:])
        assert store.revisions([revision.id, *few]) == {revision.id: revision}
        assert store.superseding(few, 1) == {}


class TestGovernance:
    def test_rules_are_listed_once_and_shared_by_customers(self, store: RecordStore) -> None:
        private = [PUBLIC.model_copy(update={"customer": customer}) for customer in ("C-1", "C-2")]
        put(store, *(state(f"Account/{access.customer}", 1, source="crm", access=access) for access in private))
        put(store, state("returns.md", 1), state("secret.md", 1, access=None))
        expected = {
            state("returns.md", 1)[0].resource,
            state("secret.md", 1, access=None)[0].resource,
            state("x", 1, source="crm", access=PUBLIC.model_copy(update={"customer": BOUND}))[0].resource,
        }
        rules = store.rules()
        assert set(rules) == expected
        assert len(rules) == 3
        assert rules == sorted(rules, key=lambda rule: rule.label)

    def test_facets_are_listed_once(self, store: RecordStore) -> None:
        european = state("eu.md", 1, regions=frozenset({"EU"}))
        put(store, state("a.md", 1), state("b.md", 1), european, state("eu2.md", 1, regions=frozenset({"EU"})))
        expected = [state("a.md", 1)[0].governance.facet, european[0].governance.facet]
        assert store.facets() == sorted(expected, key=lambda facet: facet.key)

    def test_a_document_without_chunks_files_no_rule(self, store: RecordStore) -> None:
        put(store, state("empty.md", 1, pieces=0))
        assert store.rules() == []
        assert store.facets() == []
        assert store.revisions_in(1) == [state("empty.md", 1, pieces=0)[0]]

    def test_a_tighter_access_rule_stands_at_once_and_a_wider_one_with_its_release(self, store: RecordStore) -> None:
        tight = Access(classification=Classification.RESTRICTED, audiences=frozenset({"staff"}))
        put(store, state("returns.md", 1))
        publish(store, 1)
        wide, strict = state("returns.md", 1)[0], state("returns.md", 2, access=tight)[0]
        name = wide.document
        assert store.current_resources([name, "nobody"]) == {name: (wide.resource,)}
        put(store, state("returns.md", 2, access=tight))
        assert store.current_resources([name]) == {name: (strict.resource, wide.resource)}
        publish(store, 2)
        assert store.current_resources([name]) == {name: (strict.resource,)}
        put(store, state("returns.md", 3))
        assert store.current_resources([name]) == {name: (wide.resource, strict.resource)}
        publish(store, 3)
        assert store.current_resources([name]) == {name: (wide.resource,)}

    def test_what_was_removed_keeps_the_rule_that_it_had(self, store: RecordStore) -> None:
        tight = Access(classification=Classification.RESTRICTED, audiences=frozenset({"staff"}))
        put(store, state("returns.md", 1, access=tight))
        publish(store, 1)
        was = state("returns.md", 1, access=tight)[0]
        remove(store, "returns.md", 2)
        publish(store, 2)
        put(store, state("returns.md", 3))
        assert store.current_resources([was.document])[was.document][1:] == (was.resource,)

    def test_superseding_names_those_that_stand_in_the_release(self, store: RecordStore) -> None:
        replaced = "handbook:a.md"
        put(store, state("z.md", 1, supersedes=(replaced, "handbook:b.md")), state("m.md", 1, supersedes=(replaced,)))
        publish(store, 1)
        remove(store, "m.md", 2)
        publish(store, 2)
        z, m = store.revision_of("handbook", "z.md", 1), store.revision_of("handbook", "m.md", 1)
        assert store.superseding([replaced, "handbook:b.md", "handbook:c.md"], 1) == {replaced: [m, z], "handbook:b.md": [z]}
        assert store.superseding([replaced], 2) == {replaced: [z]}
        assert store.superseding([], 1) == {}

    def test_customer_records_are_those_of_one_customer_with_facts(self, store: RecordStore) -> None:
        def record(key: str, customer: str, draft: int = 1, source: str = "crm", **facts: str) -> None:
            put(store, state(key, draft, source=source, access=PUBLIC.model_copy(update={"customer": customer}), facts=dict(facts)))

        record("Case/2", "C-1", status="open")
        record("Account/1", "C-1", plan="plus")
        record("Account/9", "C-1", source="billing", plan="plus")
        record("note.md", "C-1")
        record("Account/2", "c-1", plan="free")
        put(store, state("plans.md", 1, facts={"plan": "plus"}))
        publish(store, 1)
        record("Account/1", "C-1", draft=2, plan="premium")
        assert [(found.source, found.key) for found in store.customer_records("C-1", 1)] == [
            ("billing", "Account/9"),
            ("crm", "Account/1"),
            ("crm", "Case/2"),
        ]
        assert [found.facts for found in store.customer_records("C-1", 1) if found.key == "Account/1"] == [{"plan": "plus"}]
        assert [found.facts for found in store.customer_records("C-1", 2) if found.key == "Account/1"] == [{"plan": "premium"}]
        assert store.customer_records("C-2", 1) == []

    def test_revisions_of_one_source_come_by_key(self, store: RecordStore) -> None:
        put(store, state("b", 1), state("B", 1), state("a", 1, source="legal"), state("ä", 1), state("a b", 1), state("a", 1))
        assert [found.key for found in store.revisions_in(1, "handbook")] == ["B", "a", "a b", "b", "ä"]
        assert [found.ref for found in store.revisions_in(1)][1:3] == ["handbook:a", "legal:a"]


class TestDerived:
    def test_a_rivalry_lives_while_both_chunks_do(self, store: RecordStore) -> None:
        left, right, third = (state(key, 1) for key in ("left.md", "right.md", "third.md"))
        put(store, left, right, third)
        pairs = [rivals(left[2][0], right[2][0]), rivals(left[2][1], third[2][0])]
        with store.writing() as tx:
            tx.put_rivalries(pairs)
            tx.put_rivalries([pairs[0].model_copy(update={"similarity": 0.9})])
        publish(store, 1)
        remove(store, "right.md", 2)
        assert store.all_rivalries(1) == sorted(pairs, key=lambda pair: pair.id)
        assert store.all_rivalries(2) == [pairs[1]]
        assert store.rivalries([right[2][0].id], 1) == [pairs[0]]
        assert store.rivalries([left[2][0].id], 1) == [pairs[0]]
        assert store.rivalries([right[2][0].id], 2) == store.rivalries([], 1) == store.rivalries(["nobody"], 1) == []
        assert store.rivalries_touched(2, 1) == [pairs[0]], "what the draft removes is looked for where it stands"
        assert store.rivalries_touched(2, 2) == []
        assert store.rivalries_touched(1, 2) == [pairs[1]]

    def test_a_rivalry_found_from_both_sides_comes_once(self, store: RecordStore) -> None:
        left, right = state("left.md", 1), state("right.md", 1)
        put(store, left, right)
        with store.writing() as tx:
            tx.put_rivalries([rivals(left[2][0], right[2][0])])
        assert store.rivalries([right[2][0].id, left[2][0].id, left[2][0].id], 1) == [rivals(left[2][0], right[2][0])]

    def test_claims_live_while_their_chunk_does(self, store: RecordStore) -> None:
        left, right = state("left.md", 1), state("right.md", 1)
        put(store, left, right)
        mine, other = claim(left[2][0], 1), claim(right[2][0], 2)
        with store.writing() as tx:
            tx.put_claims([KeyedClaim(mine, (7, 8, 9)), KeyedClaim(other, (8, 9))])
            tx.put_claims([KeyedClaim(mine.model_copy(update={"signature": "changed"}), (7,))])
        publish(store, 1)
        remove(store, "right.md", 2)
        assert store.claims([1, 2, 3]) == {1: mine, 2: other}
        assert store.claims_of([right[2][0].id, "nobody"]) == [other]
        assert store.kindred([(7, 8, 9), (9,), (5,), ()], 1, 10) == [[1, 2], [1, 2], [], []]
        assert store.kindred([(7, 8, 9), (9,)], 2, 10) == [[1], [1]]

    def test_the_nearest_claims_share_most_keys_and_ties_go_by_number(self, store: RecordStore) -> None:
        document = state("a.md", 1)
        put(store, document)
        with store.writing() as tx:
            tx.put_claims(KeyedClaim(claim(document[2][0], number), (1, *keys)) for number, keys in ((5, ()), (4, ()), (9, (2, 2**62))))
        assert store.kindred([(1, 1, 2, 2**62)], 1, 2) == [[9, 4]]

    def test_a_key_that_every_claim_has_costs_no_more_than_another(self, store: RecordStore) -> None:
        document = state("a.md", 1)
        put(store, document)
        with store.writing() as tx:
            tx.put_claims(KeyedClaim(claim(document[2][0], number), (1,)) for number in range(CLAIMS_PER_KEY + 50))
        assert store.kindred([(1,)], 1, 10_000) == [list(range(CLAIMS_PER_KEY))]

    def test_vectors_are_kept_to_the_bit_and_never_replaced(self, store: RecordStore) -> None:
        vector = np.array([1 / 3, -0.0, np.float32(1e-40), 3.4e38], dtype=np.float32)
        with store.writing() as tx:
            tx.put_vectors("model-a", {"k1": vector, "k2": vector[::2]})
            tx.put_vectors("model-a", {"k1": vector * 0})
            tx.put_vectors("model-b", {"k1": vector * 0})
        found = store.vectors("model-a", ["k1", "k2", "k3"])
        assert found.keys() == {"k1", "k2"}
        assert found["k1"].tobytes() == vector.tobytes()
        assert found["k1"].dtype == np.float32
        assert found["k2"].tolist() == vector[::2].tolist()
        assert store.vectors("model-c", ["k1"]) == {}

    def test_token_vectors_are_kept_to_the_byte_and_never_replaced(self, store: RecordStore) -> None:
        packed = bytes(range(256))
        with store.writing() as tx:
            tx.put_token_vectors("model-a", {"k1": packed, "k2": b""})
            tx.put_token_vectors("model-a", {"k1": b"other"})
            tx.put_token_vectors("model-b", {"k1": b"other"})
        assert store.token_vectors("model-a", ["k1", "k2", "k3"]) == {"k1": packed, "k2": b""}
        assert store.token_vectors("model-c", ["k1"]) == {}

    def test_chunks_that_were_never_encoded_are_listed_page_by_page(self, store: RecordStore) -> None:
        documents = state("a.md", 1, words="old a"), state("b.md", 1, words="old b")
        put(store, *documents)
        chunks = sorted((chunk for document in documents for chunk in document[2]), key=lambda chunk: chunk.id)
        with store.writing() as tx:
            tx.put_token_vectors("model-a", {chunks[1].embedding_key: b"1"})
        left = [chunk.id for chunk in chunks if chunk != chunks[1]]
        assert store.without_token_vectors("model-a", "", 1) == left[:1]
        assert store.without_token_vectors("model-a", left[0], 10) == left[1:]
        assert store.without_token_vectors("model-b", "", 10) == [chunk.id for chunk in chunks]


class TestSyncs:
    def test_a_run_is_started_and_finished(self, store: RecordStore) -> None:
        started = SyncRun(id="r1", source="handbook", started_at=NOW)
        finished = started.model_copy(update={"state": RunState.SUCCEEDED, "finished_at": NOW + timedelta(seconds=5), "counts": {"new": 3}})
        with store.writing() as tx:
            tx.start_run(started)
        assert store.runs() == [started]
        assert store.checked_at() == {}
        with store.writing() as tx:
            tx.finish_run(finished)
        assert store.runs() == [finished]
        assert store.checked_at() == {"handbook": NOW + timedelta(seconds=5)}

    def test_a_run_that_was_never_started_cannot_finish(self, store: RecordStore) -> None:
        with pytest.raises(StoreError), store.writing() as tx:
            tx.finish_run(SyncRun(id="r1", source="handbook", started_at=NOW))

    def test_runs_come_newest_first(self, store: RecordStore) -> None:
        runs = [
            SyncRun(id=f"r{number}", source="crm" if number % 2 else "docs", started_at=NOW + timedelta(minutes=number))
            for number in range(5)
        ]
        with store.writing() as tx:
            for run in runs:
                tx.start_run(run)
        assert [run.id for run in store.runs()] == ["r4", "r3", "r2", "r1", "r0"]
        assert [run.id for run in store.runs("crm")] == ["r3", "r1"]
        assert [run.id for run in store.runs(limit=2)] == ["r4", "r3"]

    def test_interrupting_ends_only_the_runs_that_still_run(self, store: RecordStore) -> None:
        done = SyncRun(id="r1", source="docs", started_at=NOW, finished_at=NOW, state=RunState.FAILED, reason="no network")
        with store.writing() as tx:
            tx.start_run(done)
            tx.start_run(SyncRun(id="r2", source="docs", started_at=NOW))
            tx.start_run(SyncRun(id="r3", source="crm", started_at=NOW))
        later = NOW + timedelta(hours=3)
        with store.writing() as tx:
            assert tx.interrupt_runs(later) == 2
        assert {run.id: (run.state, run.finished_at) for run in store.runs()} == {
            "r1": (RunState.FAILED, NOW),
            "r2": (RunState.INTERRUPTED, later),
            "r3": (RunState.INTERRUPTED, later),
        }
        with store.writing() as tx:
            assert tx.interrupt_runs(later) == 0

    def test_the_last_successful_run_of_each_source_says_when_it_was_checked(self, store: RecordStore) -> None:
        def run(name: str, source: str, minutes: int, state: RunState) -> SyncRun:
            end = NOW + timedelta(minutes=minutes)
            return SyncRun(id=name, source=source, started_at=NOW, finished_at=end, state=state)

        with store.writing() as tx:
            tx.start_run(run("r1", "docs", 1, RunState.SUCCEEDED))
            tx.start_run(run("r2", "docs", 2, RunState.SUCCEEDED))
            tx.start_run(run("r3", "docs", 3, RunState.FAILED))
            tx.start_run(run("r4", "crm", 4, RunState.FAILED))
        assert store.checked_at() == {"docs": NOW + timedelta(minutes=2)}

    def test_outcomes_come_by_key_and_the_last_one_counts(self, store: RecordStore) -> None:
        with store.writing() as tx:
            tx.start_run(SyncRun(id="r1", source="docs", started_at=NOW))
            tx.add_outcomes("r1", [Outcome(key=key, kind=OutcomeKind.NEW) for key in ("b", "B", "a")])
            repeated = (OutcomeKind.CHANGED, OutcomeKind.FAILED_TERMINAL)
            tx.add_outcomes("r1", [Outcome(key="b", kind=kind, reason="password") for kind in repeated])
            tx.add_outcomes("r1", [])
        assert store.outcomes("r1") == [
            Outcome(key="B", kind=OutcomeKind.NEW),
            Outcome(key="a", kind=OutcomeKind.NEW),
            Outcome(key="b", kind=OutcomeKind.FAILED_TERMINAL, reason="password"),
        ]
        assert store.outcomes("r2") == []

    def test_marks_are_replaced_and_dropped_by_key(self, store: RecordStore) -> None:
        mark = ItemMark(key="a", document="d", fingerprint="1", content_hash="2", governance_hash="3", failing_since=NOW, reason="why")
        with store.writing() as tx:
            tx.put_mark("docs", mark)
            tx.put_mark("docs", mark.model_copy(update={"key": "b"}))
            tx.put_mark("crm", mark)
        with store.writing() as tx:
            tx.put_mark("docs", mark.model_copy(update={"fingerprint": "9"}))
            tx.drop_mark("docs", "b")
            tx.drop_mark("docs", "never-seen")
        assert store.marks("docs") == {"a": mark.model_copy(update={"fingerprint": "9"})}
        assert store.marks("crm") == {"a": mark}
        assert store.marks("nobody") == {}

    def test_a_document_ages_from_the_day_since_which_its_item_fails(self, store: RecordStore) -> None:
        well = ItemMark(key="a", document="d-well", fingerprint="1", content_hash="2", governance_hash="3")
        ill = well.model_copy(update={"key": "b", "document": "d-ill", "failing_since": NOW})
        with store.writing() as tx:
            tx.put_mark("docs", well)
            tx.put_mark("docs", ill)
        assert store.failing_since(["d-well", "d-ill", "d-unknown"]) == {"d-ill": NOW}
        with store.writing() as tx:
            tx.put_mark("docs", ill.model_copy(update={"failing_since": None}))
        assert store.failing_since(["d-well", "d-ill"]) == {}

    def test_a_cursor_is_remembered_and_can_be_forgotten(self, store: RecordStore) -> None:
        assert store.cursor("docs") is None
        with store.writing() as tx:
            tx.set_cursor("docs", "page=7\x00&é")
        assert store.cursor("docs") == "page=7\x00&é"
        assert store.cursor("crm") is None
        with store.writing() as tx:
            tx.set_cursor("docs", None)
        assert store.cursor("docs") is None


class TestPrincipals:
    AGENT = Principal(id="agent-7", kind=PrincipalKind.AGENT, grant=Grant(workflows="*", expires_at=NOW))

    def test_a_principal_is_found_by_the_hash_of_its_key_alone(self, store: RecordStore) -> None:
        with store.writing() as tx:
            tx.register(self.AGENT, "abc")
        assert store.principal_by_key("abc") == self.AGENT
        assert store.principal_by_key("ABC") is None
        assert store.principal_by_key("") is None

    def test_registering_again_ends_the_old_key(self, store: RecordStore) -> None:
        narrower = self.AGENT.model_copy(update={"grant": Grant()})
        with store.writing() as tx:
            tx.register(self.AGENT, "old")
        with store.writing() as tx:
            tx.register(narrower, "new")
        assert store.principal_by_key("old") is None
        assert store.principal_by_key("new") == narrower
        assert store.principals() == [narrower]

    def test_two_principals_never_share_a_key(self, store: RecordStore) -> None:
        with store.writing() as tx:
            tx.register(self.AGENT, "abc")
        with pytest.raises(StoreError), store.writing() as tx:
            tx.register(Principal(id="somebody", kind=PrincipalKind.PERSON), "abc")
        assert store.principals() == [self.AGENT]

    def test_principals_come_by_id(self, store: RecordStore) -> None:
        with store.writing() as tx:
            for name in ("b", "B", "a"):
                tx.register(Principal(id=name, kind=PrincipalKind.PERSON), f"key of {name}")
        assert [principal.id for principal in store.principals()] == ["B", "a", "b"]


class TestTransactions:
    def test_a_failed_transaction_leaves_nothing_and_takes_its_audit_entry_with_it(self, store: RecordStore) -> None:
        with store.writing() as tx:
            tx.audit(entry("kept"))
        with pytest.raises(ZeroDivisionError):
            self._publish_and_fail(store)
        assert store.head() == 0
        assert everything(store, 1) == []
        assert [record.entry.subject for record in store.audit_records()] == ["kept"]
        with store.writing() as tx:
            assert tx.audit(entry("next")).number == 2

    @staticmethod
    def _publish_and_fail(store: RecordStore) -> None:
        opened(store, 1)
        with store.writing() as tx:
            tx.put_revision(*state("returns.md", 1))
            tx.audit(entry("lost"))
            tx.publish(1, NOW, "test")
            raise ZeroDivisionError

    def test_a_reader_beside_an_open_transaction_sees_the_state_before_it_and_does_not_wait(self, store: RecordStore) -> None:
        opened(store, 1)
        with store.writing() as tx:
            tx.put_revision(*state("returns.md", 1))
            tx.publish(1, NOW, "test")
            assert store.head() == 0
            assert store.revisions_in(1) == []
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(store.head).result(timeout=60) == 0
        assert store.head() == 1

    def test_a_process_killed_in_a_transaction_leaves_nothing_of_it(self, shared_url: str) -> None:
        store = open_records(shared_url)
        put(store, state("before.md", 1))
        with killed_process(shared_url, WRITE_HALF):
            assert [revision.key for revision in store.revisions_in(1)] == ["before.md"]
        assert [revision.key for revision in store.revisions_in(1)] == ["before.md"]
        put(store, state("after.md", 1))
        assert [revision.key for revision in store.revisions_in(1)] == ["after.md", "before.md"]
        store.close()

    def test_many_threads_share_a_store(self, store: RecordStore) -> None:
        def work(number: int) -> str:
            with store.writing() as tx:
                tx.set_cursor(f"source-{number}", str(number))
            return store.cursor(f"source-{number}") or ""

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(40))) == [str(number) for number in range(40)]


class TestAudit:
    def test_records_form_a_chain_in_order(self, store: RecordStore) -> None:
        with store.writing() as tx:
            appended = [tx.audit(entry(f"context-{number}", rows=number)) for number in range(3)]
        assert store.audit_records() == appended
        assert store.audit_records(after=1) == appended[1:]
        assert store.audit_records(after=1, limit=1) == appended[1:2]
        found = verify(store.audit_records())
        assert (found.intact, found.broken, found.last_hash) == (3, None, appended[-1].hash)

    def test_records_are_found_by_subject_and_action(self, store: RecordStore) -> None:
        published = entry("context-1").model_copy(update={"action": Action.RELEASE_PUBLISHED})
        with store.writing() as tx:
            tx.audit(entry("context-1"))
            tx.audit(entry("context-2"))
            tx.audit(published)
        assert [record.number for record in store.audit_of("context-1")] == [1, 3]
        assert [record.entry for record in store.audit_of("context-1", Action.RELEASE_PUBLISHED)] == [published]
        assert store.audit_of("CONTEXT-1") == []
        served = [record.number for record in store.audit_records() if record.entry.action is Action.CONTEXT_SERVED]
        assert [record.number for record in store.audit_latest(Action.CONTEXT_SERVED, 0, 10)] == served[::-1]
        assert [record.number for record in store.audit_latest(Action.CONTEXT_SERVED, 0, 1)] == served[-1:]
        assert store.audit_latest(Action.CONTEXT_SERVED, served[-1], 10) == []

    def test_what_is_read_back_still_matches_its_hash(self, store: RecordStore) -> None:
        zoned = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        numbers: list[JsonValue] = [0.1 + 0.2, 2**70, -0.0, 1e300, float("inf")]
        odd = entry("s\x00\ud800", text="\x00\x1a\ud83d\x1a0041 é 😀", numbers=numbers, nested=[None, {"a": [True, {}]}])
        with store.writing() as tx:
            tx.audit(odd.model_copy(update={"at": zoned}))
        assert store.audit_of("s\x00\ud800")[0].entry.detail == odd.detail
        assert verify(store.audit_records()).broken is None

    def test_writers_at_the_same_time_form_one_chain(self, two_stores: tuple[RecordStore, RecordStore]) -> None:
        def write(number: int) -> None:
            with two_stores[number % 2].writing() as tx:
                tx.audit(entry(f"context-{number}"))
                tx.audit(entry(f"context-{number}"))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(30)))
        records = two_stores[0].audit_records()
        assert verify(records).intact == 60
        subjects = [record.entry.subject for record in records]
        assert subjects[::2] == subjects[1::2], "a transaction's entries stand together"


class TestTime:
    def test_moments_of_any_zone_are_the_same_moment(self, store: RecordStore) -> None:
        indian = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        opened(store, 1)
        with store.writing() as tx:
            tx.publish(1, indian, "test")
            tx.start_run(SyncRun(id="r1", source="docs", started_at=indian, finished_at=indian, state=RunState.SUCCEEDED))
        published = store.releases()[0].published_at
        assert published == NOW
        assert published.utcoffset() == timedelta(0)
        assert store.checked_at()["docs"].utcoffset() == timedelta(0)
        assert store.checked_at() == {"docs": NOW}
        assert store.release_at(indian) == 1
        assert store.release_at(indian - timedelta(microseconds=1)) is None

    def test_a_moment_without_a_zone_is_refused(self, store: RecordStore) -> None:
        naive = datetime(2026, 11, 20, 9, 30)  # noqa: DTZ001 - what the test is about
        opened(store, 1)
        with pytest.raises(StoreError, match="no time zone"):
            store.release_at(naive)
        with pytest.raises(StoreError, match="no time zone"), store.writing() as tx:
            tx.publish(1, naive, "test")
        assert store.head() == 0


class TestHostileText:
    def test_naughty_strings_come_back_as_they_were(self, store: RecordStore) -> None:
        if not HOSTILE.exists():
            pytest.skip("shared/data/hostile is not beside this checkout")
        strings = sorted(set(json.loads(HOSTILE.read_text("utf-8"))))
        states = [state(text, 1, words=text, pieces=1, facts={text: text}, supersedes=(text,)) for text in strings]
        put(store, *states)
        publish(store, 1)
        with store.writing() as tx:
            for text in strings:
                tx.put_mark(text, ItemMark(key=text, document=text, fingerprint=text, content_hash=text, governance_hash=text))
        assert [found.key for found in store.revisions_in(1)] == strings
        assert store.superseding(strings, 1) == {text: [put[0]] for text, put in zip(strings, states, strict=True)}
        for text, (revision, version, chunks) in zip(strings, states, strict=True):
            assert store.revision_of("handbook", text, 1) == revision
            assert store.version(version.id) == version
            assert store.chunks_of(revision.document, 1) == list(chunks)
            assert store.marks(text)[text].fingerprint == text

    def test_what_databases_refuse_is_stored_and_stays_distinct(self, store: RecordStore) -> None:
        keys = ["a\x00b", "ab", "a\ufffdb", "a\x1a0000b", "a\ud800b", "a\x1ad800b", "\udcff", "a\x1ab"]
        states = [state(key, 1, words=key, access=PUBLIC.model_copy(update={"customer": key}), facts={"key": key}) for key in keys]
        put(store, *states)
        for key, (revision, version, chunks) in zip(keys, states, strict=True):
            assert store.revision_of("handbook", key, 1) == revision
            assert store.customer_records(key, 1) == [revision]
            assert store.version(version.id) == version
            assert store.chunks([chunks[0].id]) == {chunks[0].id: chunks[0]}

    def test_long_keys_are_stored_and_stay_distinct(self, store: RecordStore) -> None:
        # Random, because PostgreSQL compresses before it measures whether an index can hold a key.
        long = "/" + "".join(digest(str(number), length=64) for number in range(200))
        states = [state(key, 1, supersedes=(f"handbook:{key}",)) for key in (long, long + "x", "é" * 3_000)]
        put(store, *states)
        for revision, _, _ in states:
            assert store.revision_of("handbook", revision.key, 1) == revision
            assert store.superseding([revision.ref], 1) == {revision.ref: [revision]}


class TestExclusive:
    def test_only_one_holds_a_name_and_others_are_refused_at_once(self, store: RecordStore) -> None:
        with store.exclusive("draft"):
            with pytest.raises(DraftConflict), store.exclusive("draft"):
                pass
            with ThreadPoolExecutor(1) as pool, pytest.raises(DraftConflict):
                pool.submit(ExitStack().enter_context, store.exclusive("draft")).result()
            with store.exclusive("schedule/../x"):
                pass
        with store.exclusive("draft"):
            pass

    def test_an_error_inside_frees_it(self, store: RecordStore) -> None:
        with pytest.raises(ZeroDivisionError), store.exclusive("draft"):
            raise ZeroDivisionError
        with store.exclusive("draft"):
            pass

    def test_the_holder_can_write(self, store: RecordStore) -> None:
        with store.exclusive("draft"):
            put(store, state("returns.md", 1))
            publish(store, 1)
        assert store.head() == 1

    def test_a_killed_process_frees_it(self, shared_url: str) -> None:
        store = open_records(shared_url)
        with killed_process(shared_url, HOLD_DRAFT), pytest.raises(DraftConflict), store.exclusive("draft"):
            pass
        _soon_free(store)
        store.close()


HOLD_DRAFT = """
with store.exclusive("draft"):
    wait_here()
"""

WRITE_HALF = """
from tests.contract.records_values import state
with store.writing() as tx:
    tx.put_revision(*state("half.md", 1))
    wait_here()
"""

PROGRAM = """
import sys, time
from context_service.records.sql import open_records

def wait_here():
    print("here", flush=True)
    time.sleep(300)

store = open_records(sys.argv[1])
"""


@contextmanager
def killed_process(url: str, work: str) -> Iterator[None]:
    """Another process on the same database, inside `work` while the block runs and killed at its end."""
    started = [sys.executable, "-c", PROGRAM + work, url]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == "here\n"
            yield
        finally:
            running.kill()


def _soon_free(store: RecordStore) -> None:
    # A PostgreSQL server needs a moment to see that its client has died.
    deadline = time.monotonic() + 60
    while True:
        try:
            with store.exclusive("draft"):
                return
        except DraftConflict:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
