"""Any sequence of writes, removals, failed transactions and publications leaves every release as it was when it was published."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from context_service.model.document import Chunk, Revision
from context_service.records.protocol import ChunkRange
from context_service.records.sql import open_records
from tests.contract.records_values import NOW, opened, publish, put, remove, state

KEYS = st.sampled_from(["a.md", "b.md", "A.md"])
WORDS = st.sampled_from(["one", "two", "three"])
PIECES = st.integers(0, 3)

Documents = dict[str, tuple[Revision, tuple[Chunk, ...]]]
"""What one release holds, by key: the model that the store is held against."""


class ReleaseRanges(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = open_records("sqlite://")
        self.releases: list[Documents] = [{}]
        self.draft: Documents = {}

    def teardown(self) -> None:
        self.store.close()

    @property
    def number(self) -> int:
        return len(self.releases)

    @rule(key=KEYS, words=WORDS, pieces=PIECES)
    def put_revision(self, key: str, words: str, pieces: int) -> None:
        revision, version, chunks = state(key, self.number, words=words, pieces=pieces)
        put(self.store, (revision, version, chunks))
        self.draft[key] = revision, chunks

    @rule(key=KEYS)
    def remove_document(self, key: str) -> None:
        remove(self.store, key, self.number)
        self.draft.pop(key, None)

    @rule(key=KEYS, words=WORDS)
    def fail_in_the_middle(self, key: str, words: str) -> None:
        opened(self.store, self.number)
        try:
            with self.store.writing() as tx:
                tx.put_revision(*state(key, self.number, words=words))
                tx.remove_document(state("b.md", 1)[0].document, self.number)
                tx.publish(self.number, NOW, "test")
                raise InterruptedError
        except InterruptedError:
            pass

    @rule()
    def publish(self) -> None:
        publish(self.store, self.number)
        self.releases.append(dict(self.draft))

    @invariant()
    def every_release_reads_as_it_was_written(self) -> None:
        assert self.store.head() == self.number - 1
        for release, documents in enumerate([*self.releases, self.draft]):
            found = self.store.revisions_in(release)
            assert [standing(revision) for revision in found] == [documents[key][0] for key in sorted(documents)]
            for key in ("a.md", "b.md", "A.md"):
                chunks = documents[key][1] if key in documents else ()
                read = self.store.chunks_of(state(key, 1)[0].document, release)
                assert [chunk.model_copy(update={"removed_in": None}) for chunk in read] == list(chunks)
                named = self.store.revision_of("handbook", key, release)
                assert (named and standing(named)) == (documents[key][0] if key in documents else None)

    @invariant()
    def ranges_say_what_each_release_holds(self) -> None:
        ranges = list(self.store.chunk_ranges())
        for release, documents in enumerate([*self.releases, self.draft]):
            held = {chunk.id for _, chunks in documents.values() for chunk in chunks}
            assert {row.chunk for row in ranges if covers(row, release)} == held
            touched = [row for row in ranges if release in (row.added_in, row.removed_in)]
            assert list(self.store.chunk_ranges(release)) == touched
        assert all(row.removed_in is None or row.added_in < row.removed_in for row in ranges), "no row was ever alive in no release"

    @invariant()
    def a_draft_that_differs_is_touched(self) -> None:
        if self.draft != self.releases[-1]:
            assert self.store.draft_touched(self.number)


def standing(revision: Revision) -> Revision:
    return revision.model_copy(update={"removed_in": None})


def covers(row: ChunkRange, release: int) -> bool:
    return row.added_in <= release and (row.removed_in is None or release < row.removed_in)


TestReleaseRanges = ReleaseRanges.TestCase
TestReleaseRanges.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
