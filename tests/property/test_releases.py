"""Any sequence of drafts, publishes, canaries, rollbacks, splits, discards and retention reads as a dictionary of texts says."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from context_service.declarations.company import Declarations
from context_service.errors import CanaryRunning, DraftConflict, NotRestored, StaleDraft, UnknownRelease
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import IndexStore, SearchFilter
from context_service.index.qdrant import open_qdrant_index
from context_service.model.access import Principal, PrincipalKind
from context_service.model.base import digest
from context_service.model.document import ItemMark
from context_service.model.release import Draft, ReleaseKind
from context_service.model.source import Company
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from context_service.retrieval.release_pin import kept_release
from tests.contract.qdrant_server import qdrant_collection
from tests.contract.records_values import NOW, database, state
from tests.fakes import FakeEmbedder

OPERATOR = Principal(id="olga", kind=PrincipalKind.PERSON, operator=True)
DOCUMENTS = [("handbook", "a.md"), ("handbook", "b.md"), ("wiki", "c.md")]
PLACES = st.sampled_from(DOCUMENTS)
WORDS = st.sampled_from(["one", "two", "three"])
PICK = st.integers(0, 5)
KEPT = 2

Place = tuple[str, str]
Texts = dict[Place, str]


class ReleasesUnderRandomCalls(RuleBasedStateMachine):
    """`texts` holds what each release says, `changes` what each draft does to the newest; None for a document that it removes."""

    @initialize()
    def start(self) -> None:
        self.exit = ExitStack()
        self.embedder = FakeEmbedder(8)
        self.records, self.index = self.opened()
        self.exit.callback(self.records.close)
        self.exit.callback(self.index.close)
        self.hours, self.ids = count(1), count(1)
        company = Company(name="Brightwater", authority={"policy": 80}, audiences=("customer-agents",), sources=())
        retention = Retention(releases=KEPT, days=0)
        declared = Declarations(company=company, sources={}, workflows={}, folders={})
        self.releases = Releases(
            self.records, self.index, self.embedder, declared, retention, now=self.now, new_id=lambda: f"id-{next(self.ids)}"
        )
        self.texts: dict[int, Texts] = {0: {}}
        self.changes: dict[str, dict[Place, str | None]] = {}
        self.head = 0
        self.canary: int | None = None
        self.pinned: set[int] = set()
        self.retired: set[int] = set()

    def opened(self) -> tuple[RecordStore, IndexStore]:
        """Empty stores, which `exit` removes."""
        folder = self.exit.enter_context(tempfile.TemporaryDirectory())
        return open_records("sqlite://"), open_embedded_index(Path(folder), self.embedder.dimension)

    def now(self) -> datetime:
        return NOW + timedelta(hours=next(self.hours))

    def teardown(self) -> None:
        self.exit.close()

    @property
    def newest(self) -> int:
        return max(self.texts)

    @property
    def restoring(self) -> bool:
        return self.canary is None and self.head != self.newest

    def some(self, pick: int) -> Draft:
        """One of the standing drafts."""
        drafts = self.records.drafts()
        return drafts[pick % len(drafts)]

    @rule()
    @precondition(lambda self: len(self.changes) < 3)
    def open_draft(self) -> None:
        name = f"draft-{next(self.ids)}"
        try:
            with self.records.writing() as tx:
                tx.open_draft(name, ReleaseKind.SYNC, self.now(), "sync", sources=["handbook", "wiki"])
            assert not self.restoring
            self.changes[name] = {}
        except NotRestored:
            assert self.restoring

    @rule(pick=PICK, place=PLACES, words=WORDS)
    @precondition(lambda self: self.changes)
    def put(self, pick: int, place: Place, words: str) -> None:
        draft, (source, key) = self.some(pick), place
        revision, version, chunks = state(key, draft.number, source=source, words=words)
        mark = ItemMark(key=key, document=revision.document, fingerprint="f", content_hash=words, governance_hash="rules")
        with self.records.writing() as tx:
            tx.put_revision(revision, version, chunks)
            tx.put_mark(source, mark)
        self._changed(draft, place, words)

    @rule(pick=PICK, place=PLACES)
    @precondition(lambda self: self.changes)
    def remove(self, pick: int, place: Place) -> None:
        draft, (source, key) = self.some(pick), place
        with self.records.writing() as tx:
            tx.remove_document(digest(source, key), draft.number)
            tx.drop_mark(source, key)
        self._changed(draft, place, None)

    @rule(pick=PICK)
    @precondition(lambda self: self.changes)
    def check(self, pick: int) -> None:
        self.releases.check(OPERATOR, self.some(pick).id)

    @rule(pick=PICK, share=st.sampled_from([0.3, 1.0]))
    @precondition(lambda self: self.changes)
    def publish(self, pick: int, share: float) -> None:
        draft = self.some(pick)
        trial = share < 1 and self.head > 0
        try:
            release = self.releases.canary(OPERATOR, draft.id, share) if trial else self.releases.publish(OPERATOR, draft.id)
        except CanaryRunning:
            assert self.canary is not None
        except NotRestored:
            assert self.restoring
        except StaleDraft:
            assert draft.stale or not draft.checked or draft.base != self.newest
        else:
            assert (draft.checked, draft.stale, draft.base) == (True, False, self.newest)
            assert (self.canary, self.restoring) == (None, False)
            self.texts[release.number] = self._applied(draft.id)
            del self.changes[draft.id]
            self.head, self.canary = (self.head, release.number) if trial else (release.number, None)

    @rule(places=st.dictionaries(PLACES, st.none() | WORDS, min_size=1), share=st.sampled_from([0.3, 1.0]))
    @precondition(lambda self: len(self.changes) < 3 and not self.restoring)
    def bring_and_publish(self, places: dict[Place, str | None], share: float) -> None:
        self.open_draft()
        last = len(self.changes) - 1
        for place, words in places.items():
            if words:
                self.put(last, place, words)
            else:
                self.remove(last, place)
        self.check(last)
        self.publish(last, share)

    @rule(pick=PICK)
    @precondition(lambda self: self.changes)
    def publish_twice(self, pick: int) -> None:
        """Of two publishers the second is told."""
        name, before = self.some(pick).id, self.newest
        self.check(pick)
        self.publish(pick, 1.0)
        if self.newest != before and name not in self.changes:
            with pytest.raises(DraftConflict):
                self.releases.publish(OPERATOR, name)

    @rule(pick=PICK)
    @precondition(lambda self: self.changes)
    def split(self, pick: int) -> None:
        draft = self.some(pick)
        ours = self.changes[draft.id]
        touched = self.releases._sources_of(draft.id)
        if set(touched) == {"handbook", "wiki"}:
            part = self.releases.split(OPERATOR, draft.id, ["wiki"])
            self.changes[part.id] = {place: words for place, words in ours.items() if place[0] == "wiki"}
            self.changes[draft.id] = {place: words for place, words in ours.items() if place[0] != "wiki"}

    @rule(pick=PICK)
    @precondition(lambda self: self.changes)
    def discard(self, pick: int) -> None:
        draft = self.some(pick)
        self.releases.discard(OPERATOR, draft.id)
        del self.changes[draft.id]

    @rule(share=st.sampled_from([0.6, 1.0]))
    @precondition(lambda self: self.canary is not None)
    def widen(self, share: float) -> None:
        self.releases.widen(OPERATOR, share)
        if share == 1:
            self.head, self.canary = self.newest, None

    @rule()
    @precondition(lambda self: self.canary is not None)
    def take_back(self) -> None:
        self.releases.take_back(OPERATOR)
        self.canary = None

    @rule(pick=PICK)
    @precondition(lambda self: self.head > 0)
    def rollback(self, pick: int) -> None:
        choice = sorted(set(self.texts) - {0, self.head})
        if choice:
            number = choice[pick % len(choice)]
            self.releases.rollback(OPERATOR, number, "Prices were wrong.")
            self.head, self.canary = number, None

    @rule()
    def restore(self) -> None:
        was_restoring, target = self.restoring, self.texts[self.head]
        release = self.releases.restore()
        assert (release is not None) == was_restoring
        if release:
            bad = self.texts[self.newest]
            for place in DOCUMENTS:
                if bad.get(place) != target.get(place):
                    self._forget(place)
            self.texts[release.number] = dict(target)
            self.head = release.number

    @rule(pick=PICK)
    @precondition(lambda self: len(self.texts) > 1)
    def pin(self, pick: int) -> None:
        choice = sorted(set(self.texts) - {0})
        number = choice[pick % len(choice)]
        if number in self.pinned:
            self.releases.unpin(OPERATOR, number)
        else:
            self.releases.pin(OPERATOR, number)
        self.pinned ^= {number}

    @rule()
    def retain(self) -> None:
        read = {self.head, self.canary, *(draft.base for draft in self.records.drafts())}
        read |= {draft.restores for draft in self.records.drafts()}
        staying = self.pinned | read | set(sorted(self.texts)[-KEPT:]) | {0}
        ending = set(self.texts) - staying
        assert set(self.releases.retain("retention").retired) == ending
        self.retired |= ending
        self.texts = {number: texts for number, texts in self.texts.items() if number in staying}
        self._nothing_unread_is_left()

    @invariant()
    def every_release_and_draft_reads_as_the_model_says(self) -> None:
        for number, texts in self.texts.items():
            assert self._read(number) == texts
            assert self._indexed(number) == self._chunks(number)
        assert {draft.id for draft in self.records.drafts()} == set(self.changes)
        for draft in self.records.drafts():
            assert self._read(draft.number) == self._applied(draft.id)
            assert not draft.checked or self._indexed(draft.number) == self._chunks(draft.number)

    @invariant()
    def what_is_read_is_what_was_said_last(self) -> None:
        traffic = self.records.traffic()
        assert (traffic.number, traffic.canary, traffic.newest) == (self.head, self.canary, self.newest)
        assert traffic.restoring == self.restoring
        moves = self.records.head_moves()
        assert (moves[-1].number if moves else 0) == self.head
        assert all(self.records.release_at(move.at) == move.number for move in moves)

    @invariant()
    def a_retired_release_says_so(self) -> None:
        for number in self.retired:
            with pytest.raises(UnknownRelease, match="not kept"):
                kept_release(self.records, number, "release")

    @invariant()
    def what_a_sync_remembers_is_read_next_or_waits_in_a_draft(self) -> None:
        """So nothing that a source said is ever lost: what is not remembered is brought again."""
        newest = self.texts[self.newest]
        for source, key in DOCUMENTS:
            waiting = [changes[source, key] for changes in self.changes.values() if (source, key) in changes]
            assert len(waiting) <= 1
            stands = waiting[0] if waiting else newest.get((source, key))
            mark = self.records.marks(source).get(key)
            assert mark is not None or stands is None
            assert mark is None or mark.governance_hash != "rules" or mark.content_hash == stands

    def _changed(self, draft: Draft, place: Place, words: str | None) -> None:
        self._forget(place)
        newest = self.texts[self.newest]
        if words is not None or place in newest:
            self.changes[draft.id][place] = words

    def _forget(self, place: Place) -> None:
        for changes in self.changes.values():
            changes.pop(place, None)

    def _applied(self, name: str) -> Texts:
        texts = self.texts[self.newest] | self.changes[name]
        return {place: words for place, words in texts.items() if words is not None}

    def _read(self, number: int) -> Texts:
        found = {}
        for revision in self.records.revisions_in(number):
            version = self.records.version(revision.version)
            assert version
            found[revision.source, revision.key] = version.text
            chunks = self.records.chunks_of(revision.document, number)
            assert [chunk.text for chunk in chunks] == [version.text] * 2
            assert {chunk.revision for chunk in chunks} == {revision.id}
        return found

    def _chunks(self, number: int) -> set[str]:
        revisions = self.records.revisions_in(number)
        return {chunk.id for revision in revisions for chunk in self.records.chunks_of(revision.document, number)}

    def _indexed(self, number: int) -> set[str]:
        view = self.records.view(number)
        labels = frozenset(rule.label for rule in self.records.rules())
        facets = frozenset(facet.key for facet in self.records.facets())
        where = SearchFilter(labels, facets, view.base, None, view.draft)
        return {hit.chunk for hit in self.index.dense(self.embedder.embed_query("one"), where, 100)}

    def _nothing_unread_is_left(self) -> None:
        numbers = [*self.texts, *(draft.number for draft in self.records.drafts())]
        read = {chunk for number in numbers for chunk in self._chunks(number)}
        assert {row.chunk for row in self.records.chunk_ranges()} == read
        known = {digest(word) for word in ("one", "two", "three") if self.records.version(digest(word))}
        assert known >= {digest(words) for number in numbers for words in self._read(number).values()}
        # What a draft has lost since it was checked leaves the index with its next check.
        waiting = {draft.number for draft in self.records.drafts() if not draft.checked}
        if self.retired:
            assert {chunk for chunk, (added_in, _) in self.index.chunks().items() if added_in not in waiting} <= read


class OnServers(ReleasesUnderRandomCalls):
    """The same on PostgreSQL and Qdrant."""

    def opened(self) -> tuple[RecordStore, IndexStore]:
        url = self.exit.enter_context(database("postgres", Path()))
        server, collection = self.exit.enter_context(qdrant_collection())
        return open_records(url), open_qdrant_index(server, "", self.embedder.dimension, collection)


SERVERS = {"CONTEXT_TEST_POSTGRES_URL", "CONTEXT_TEST_QDRANT_URL"}

TestReleasesUnderRandomCalls = ReleasesUnderRandomCalls.TestCase
TestReleasesUnderRandomCalls.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


SHORT = settings(max_examples=2, stateful_step_count=20, deadline=None)


@pytest.mark.postgres
@pytest.mark.qdrant
@pytest.mark.skipif(not os.environ.keys() >= SERVERS, reason=f"needs both servers: set {' and '.join(sorted(SERVERS))}")
def test_releases_under_random_calls_on_servers() -> None:
    """A short run: the rules are those of the model, the databases are slower."""
    run_state_machine_as_test(OnServers, settings=SHORT)
