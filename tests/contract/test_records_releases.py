"""The part of the contract of `RecordStore` that is about releases and drafts, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from context_service.errors import CanaryRunning, DraftConflict, NotRestored, StaleDraft, UnknownRelease
from context_service.model.base import digest
from context_service.model.document import ItemMark
from context_service.model.release import Draft, DraftState, HeadMove, ReleaseKind, Traffic, View
from context_service.records.backends import open_backend
from context_service.records.columns import dump
from context_service.records.protocol import KeyedClaim, RecordStore
from context_service.records.release_protocol import ORPHANED
from context_service.records.schema import alembic_config
from context_service.records.sql import open_records
from tests.contract.records_values import NOW, PUBLIC, State, claim, database, publish, put, rivals, state

HOUR = timedelta(hours=1)
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=["sqlite-file", POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[RecordStore]:
    """Two documents are published as release 1."""
    store = open_records(url)
    put(store, state("a.md", 1, words="old a"), state("b.md", 1, words="old b"))
    publish(store, 1)
    yield store
    store.close()


def opened(store: RecordStore, name: str) -> Draft:
    with store.writing() as tx:
        return tx.open_draft(name, ReleaseKind.SYNC, NOW, "test", sources=["handbook"])


def written(store: RecordStore, *states: State) -> None:
    with store.writing() as tx:
        for one in states:
            tx.put_revision(*one)


def published(store: RecordStore, draft: Draft, share: float = 1.0) -> None:
    with store.writing() as tx:
        tx.publish(draft.number, NOW + 9 * HOUR, "test", share=share)


def moved(store: RecordStore, number: int, canary: int | None = None, share: float = 0.0, hours: int = 20) -> None:
    with store.writing() as tx:
        tx.move_head(HeadMove(at=NOW + hours * HOUR, number=number, canary=canary, share=share, actor="test"))


def texts(store: RecordStore, number: int) -> dict[str, str]:
    found = {revision.key: store.version(revision.version) for revision in store.revisions_in(number)}
    return {key: version.text for key, version in found.items() if version}


BASE = {"a.md": "old a", "b.md": "old b"}


class TestDraftsSideBySide:
    def test_each_reads_the_newest_release_and_its_own_rows(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        written(store, state("a.md", one.number, words="new a"), state("c.md", two.number, words="new c"))
        with store.writing() as tx:
            tx.remove_document(digest("handbook", "b.md"), two.number)
        assert texts(store, 1) == BASE
        assert texts(store, one.number) == {"a.md": "new a", "b.md": "old b"}
        assert texts(store, two.number) == {"a.md": "old a", "c.md": "new c"}
        assert [store.view(number) for number in (1, one.number)] == [View(base=1), View(base=1, draft=one.number)]
        assert [draft.id for draft in store.drafts()] == ["one", "two"]

    def test_a_draft_reads_what_was_published_after_it_was_opened(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        written(store, state("a.md", one.number, words="new a"), state("c.md", two.number, words="new c"))
        published(store, one)
        assert texts(store, two.number) == {"a.md": "new a", "b.md": "old b", "c.md": "new c"}

    def test_a_number_is_never_given_twice(self, store: RecordStore) -> None:
        numbers = []
        for name in ("one", "two"):
            draft = opened(store, name)
            numbers.append(draft.number)
            with store.writing() as tx:
                tx.put_draft(draft.model_copy(update={"state": DraftState.DISCARDED}))
        assert numbers == [2, 3]
        assert store.drafts() == []
        assert [draft.state for draft in store.drafts(ended=True)[1:]] == [DraftState.DISCARDED] * 2

    def test_the_one_that_writes_a_document_takes_it_over_and_the_sync_brings_it_again(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        written(store, state("a.md", one.number, words="first a"), state("b.md", one.number, words="first b"))
        with store.writing() as tx:
            for key in ("a.md", "b.md"):
                document = digest("handbook", key)
                mark = ItemMark(key=key, document=document, fingerprint="f", content_hash="c", governance_hash="g")
                tx.put_mark("handbook", mark)
            tx.set_cursor("handbook", "page=7")
        written(store, state("a.md", two.number, words="second a"))
        assert texts(store, one.number) == {"a.md": "old a", "b.md": "first b"}
        assert texts(store, two.number) == {"a.md": "second a", "b.md": "old b"}
        assert [draft.stale for draft in store.drafts()] == [True, False]
        assert {key: mark.governance_hash for key, mark in store.marks("handbook").items()} == {"a.md": "", "b.md": "g"}
        assert store.cursor("handbook") is None

    def test_a_removal_that_is_taken_over_is_noticed_again(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        with store.writing() as tx:
            tx.remove_document(digest("handbook", "a.md"), one.number)
        written(store, state("a.md", two.number, words="second a"))
        assert texts(store, one.number) == BASE
        assert store.marks("handbook")["a.md"].governance_hash == ""

    def test_carried_it_keeps_its_rows_under_a_higher_number(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        written(store, state("a.md", one.number, words="new a"), state("c.md", two.number, words="new c"))
        with pytest.raises(DraftConflict, match="stands before"):
            published(store, two)
        with store.writing() as tx:
            carried = tx.carry(one.number)
        assert carried.number > two.number
        published(store, two)
        assert texts(store, two.number) == {**BASE, "c.md": "new c"}
        assert texts(store, carried.number) == {"a.md": "new a", "b.md": "old b", "c.md": "new c"}
        (revision,) = (one for one in store.revisions_in(carried.number) if one.key == "a.md")
        assert revision.added_in == carried.number
        assert {chunk.added_in for chunk in store.chunks_of(revision.document, carried.number)} == {carried.number}

    def test_split_each_source_has_its_own(self, store: RecordStore) -> None:
        with store.writing() as tx:
            whole = tx.open_draft("whole", ReleaseKind.SYNC, NOW, "test", sources=["handbook", "wiki"])
        written(store, state("a.md", whole.number, words="new a"), state("w.md", whole.number, words="new w", source="wiki"))
        with store.writing() as tx:
            part = tx.split(whole.number, ["wiki"], "part", NOW)
        assert texts(store, whole.number) == {"a.md": "new a", "b.md": "old b"}
        assert texts(store, part.number) == {**BASE, "w.md": "new w"}
        assert [draft.sources for draft in store.drafts()] == [{"handbook"}, {"wiki"}]
        assert store.touched_documents(whole.number) == [digest("handbook", "a.md")]
        assert store.touched_documents(part.number, ["wiki"]) == [digest("wiki", "w.md")]
        assert store.touched_documents(part.number, ["handbook"]) == []

    def test_undone_a_document_is_as_the_newest_release_has_it(self, store: RecordStore) -> None:
        draft = opened(store, "one")
        written(store, state("a.md", draft.number, words="new a"), state("c.md", draft.number, words="new c"))
        with store.writing() as tx:
            tx.undo(draft.number, [digest("handbook", "a.md"), digest("handbook", "c.md")])
        assert texts(store, draft.number) == BASE
        assert not store.draft_touched(draft.number)


class TestPublishing:
    def test_a_draft_whose_base_has_moved_has_to_be_checked_again(self, store: RecordStore) -> None:
        one, two = opened(store, "one"), opened(store, "two")
        published(store, one)
        with pytest.raises(StaleDraft, match="1, and 2 has been published") as refused:
            published(store, two)
        assert "check" in refused.value.remedy.lower()
        with store.writing() as tx:
            tx.put_draft(tx.held_draft("two").model_copy(update={"base": 2}))
        published(store, two)
        assert store.head() == two.number

    def test_a_release_on_trial_leaves_the_head_and_lets_no_other_be_published(self, store: RecordStore) -> None:
        one = opened(store, "one")
        published(store, one, share=0.25)
        assert store.traffic() == Traffic(number=1, canary=2, share=0.25, newest=2)
        two = opened(store, "two")
        assert two.base == 2
        with pytest.raises(CanaryRunning):
            published(store, two)
        moved(store, 2)
        published(store, two)
        assert store.traffic() == Traffic(number=3, newest=3)

    def test_after_a_rollback_nothing_is_opened_or_published_until_it_is_restored(self, store: RecordStore) -> None:
        one, waiting = opened(store, "one"), opened(store, "waiting")
        published(store, one)
        moved(store, 1)
        assert store.traffic().restoring
        with pytest.raises(NotRestored):
            opened(store, "another")
        with pytest.raises(NotRestored):
            published(store, waiting)
        with store.writing() as tx:
            restoring = tx.open_draft("restoring", ReleaseKind.ROLLBACK, NOW, "test", restores=1)
            tx.carry(waiting.number)
            release = tx.publish(restoring.number, NOW + 30 * HOUR, "test")
        assert (release.restores, store.traffic()) == (1, Traffic(number=release.number, newest=release.number))

    def test_a_restored_state_of_another_rollback_is_refused(self, store: RecordStore) -> None:
        for name in ("one", "two"):
            published(store, opened(store, name))
        moved(store, 1)
        with store.writing() as tx:
            restoring = tx.open_draft("restoring", ReleaseKind.ROLLBACK, NOW, "test", restores=1)
        moved(store, 2)
        with pytest.raises(NotRestored):
            published(store, restoring)

    def test_a_release_that_was_never_published_or_is_retired_cannot_be_read(self, store: RecordStore) -> None:
        published(store, opened(store, "one"))
        first = store.release(1)
        assert first
        with store.writing() as tx:
            tx.put_release(first.model_copy(update={"retired_at": NOW}))
        for number in (1, 7):
            with pytest.raises(UnknownRelease):
                moved(store, number)
        assert store.head() == 2

    def test_what_is_read_cannot_be_retired(self, store: RecordStore) -> None:
        first = store.release(1)
        assert first
        with pytest.raises(DraftConflict), store.writing() as tx:
            tx.put_release(first.model_copy(update={"retired_at": NOW}))

    def test_a_moment_finds_what_was_read_then_and_not_what_was_published_last(self, store: RecordStore) -> None:
        published(store, opened(store, "one"))
        moved(store, 1, hours=20)
        moved(store, 1, canary=2, share=0.5, hours=30)
        moved(store, 2, hours=40)
        assert [store.release_at(NOW + hours * HOUR) for hours in (1, 9, 19, 20, 31, 40)] == [1, 2, 2, 1, 1, 2]
        assert [(move.number, move.canary) for move in store.head_moves()] == [(1, None), (2, None), (1, None), (1, 2), (2, None)]

    def test_where_the_clock_was_set_back_a_later_move_is_not_kept_as_the_earlier_one(self, store: RecordStore) -> None:
        published(store, opened(store, "one"))
        moved(store, 1, hours=20)
        with store.writing() as tx:
            kept = tx.move_head(HeadMove(at=NOW + 18 * HOUR, number=2, actor="test"))
        assert kept.at == NOW + 20 * HOUR
        assert store.head_moves()[-1] == kept
        assert [store.release_at(NOW + hours * HOUR) for hours in (19, 20, 40)] == [2, 2, 2]
        moved(store, 1, hours=21)
        assert store.release_at(NOW + 21 * HOUR) == 1

    def test_a_restored_access_rule_does_not_bind(self, store: RecordStore) -> None:
        draft = opened(store, "one")
        tight, wide = PUBLIC.model_copy(update={"audiences": frozenset({"few"})}), PUBLIC
        written(store, state("a.md", draft.number, access=tight))
        document = digest("handbook", "a.md")
        with store.writing() as tx:
            tx.put_revision(*state("a.md", draft.number, access=wide), binds=False)
        assert store.current_resources([document])[document][0].access == tight


class TestForgetting:
    def test_what_no_kept_release_reads_is_deleted_and_nothing_else(self, store: RecordStore) -> None:
        (old, old_version, old_chunks), (kept, _, kept_chunks) = state("a.md", 1, words="old a"), state("b.md", 1, words="old b")
        draft = opened(store, "one")
        new = state("a.md", draft.number, words="new a")
        written(store, new)
        with store.writing() as tx:
            tx.put_vectors("m", {chunk.embedding_key: np.ones(2, np.float32) for chunk in (*old_chunks, *kept_chunks, *new[2])})
            tx.put_token_vectors("t", {chunk.embedding_key: b"1" for chunk in (*old_chunks, *kept_chunks, *new[2])})
            tx.put_claims([KeyedClaim(claim(old_chunks[0], 1), (7, 8)), KeyedClaim(claim(kept_chunks[0], 2), (7, 9))])
            tx.put_rivalries([rivals(old_chunks[0], kept_chunks[0]), rivals(new[2][0], kept_chunks[0])])
        published(store, draft)
        assert store.unread(10) == []
        first = store.release(1)
        assert first
        with store.writing() as tx:
            tx.put_release(first.model_copy(update={"retired_at": NOW}))
        assert store.unswept() == [1]
        assert store.unread(10) == [old.id]
        with store.writing() as tx:
            tx.delete_unread([old.id])
            assert [tx.delete_orphans(table, None, 100).deleted for table in ORPHANED] == [1, 2, 1, 1, 2, 2]
            tx.mark_swept([1])
        assert store.unswept() == []
        assert texts(store, 2) == {"a.md": "new a", "b.md": "old b"}
        assert store.history(old.document) == [new[0]]
        assert store.version(old_version.id) is None
        assert store.revisions([kept.id])
        assert set(store.claims([1, 2])) == {2}
        assert store.kindred([[7, 8, 9]], 2, 5) == [[2]]
        assert len(store.all_rivalries(2)) == 1
        assert set(store.vectors("m", [chunk.embedding_key for chunk in (*old_chunks, *kept_chunks)])) == {
            chunk.embedding_key for chunk in kept_chunks
        }
        assert store.token_vectors("t", [chunk.embedding_key for chunk in old_chunks]) == {}

    def test_orphans_are_swept_page_by_page(self, store: RecordStore) -> None:
        with store.writing() as tx:
            tx.put_vectors("m", {f"key-{number:02}": np.ones(2, np.float32) for number in range(5)})
        deleted, after = [], None
        while True:
            with store.writing() as tx:
                page = tx.delete_orphans("vectors", after, 2)
            deleted.append(page.deleted)
            after = page.last
            if after is None:
                break
        assert deleted == [2, 2, 1]

    def test_a_release_between_two_kept_ones_keeps_what_they_read(self, store: RecordStore) -> None:
        for name in ("one", "two"):
            draft = opened(store, name)
            written(store, state("a.md", draft.number, words=f"{name} a"))
            published(store, draft)
        second = store.release(2)
        assert second
        with store.writing() as tx:
            tx.put_release(second.model_copy(update={"retired_at": NOW}))
        assert store.unread(10) == [state("a.md", 2, words="one a")[0].id]


class TestMigration:
    def test_releases_and_the_open_draft_of_an_older_database_are_kept(self, url: str) -> None:
        _older_database(url)
        store = open_records(url)
        try:
            assert store.traffic() == Traffic(number=2, newest=2)
            assert [(one.number, one.published_at, one.base) for one in store.releases()] == [(1, NOW, 0), (2, NOW + HOUR, 1)]
            assert [store.release_at(NOW + minutes * timedelta(minutes=1)) for minutes in (-1, 0, 61)] == [None, 1, 2]
            (draft,) = store.drafts()
            assert (draft.number, draft.kind, sorted(draft.sources), draft.base) == (3, ReleaseKind.SYNC, ["handbook"], 2)
            assert texts(store, 2) == {"a.md": "old a"}
            assert texts(store, 3) == {"a.md": "new a"}
            published(store, draft)
            assert opened(store, "next").number == 4
            with store.writing() as tx:
                tx.put_vectors("m", {state("a.md", 1, words="old a")[2][0].embedding_key: np.ones(2, np.float32)})
                assert tx.delete_orphans("vectors", None, 10).deleted == 0, "the chunks say what they use"
        finally:
            store.close()

    def test_going_back_keeps_what_was_published(self, url: str) -> None:
        _older_database(url)
        open_records(url).close()
        backend = open_backend(url)
        with backend.writes.begin() as connection:
            command.downgrade(alembic_config(connection), "0003")
            assert connection.execute(text("SELECT number FROM head")).scalar_one() == 2
            assert connection.execute(text("SELECT count(*) FROM releases")).scalar_one() == 2
        backend.close()
        store = open_records(url)
        assert store.release_at(NOW + HOUR) == 2
        store.close()


def _older_database(url: str) -> None:
    """One of schema 0003: two releases, and a draft that was killed."""
    backend = open_backend(url)
    with backend.writes.begin() as connection:
        command.upgrade(alembic_config(connection), "0003")
    backend.close()
    engine = create_engine(open_backend(url).writes.url)
    old, new = state("a.md", 1, words="old a"), state("a.md", 3, words="new a")
    with engine.begin() as connection:
        zone = "" if engine.dialect.name == "sqlite" else "+00"
        for number, at in ((1, NOW), (2, NOW + HOUR)):
            moment = f"{at:%Y-%m-%d %H:%M:%S.%f}{zone}"
            connection.execute(text("INSERT INTO releases VALUES (:number, :at)"), {"number": number, "at": moment})
        connection.execute(text("UPDATE head SET number = 2"))
        for (revision, version, chunks), removed_in in ((old, 3), (new, None)):
            connection.execute(text("INSERT INTO versions VALUES (:id, :payload)"), {"id": version.id, "payload": dump(version)})
            row = {name: getattr(revision, name) for name in ("id", "document", "source", "key", "version", "added_in")}
            insert = text(
                "INSERT INTO revisions (id, document, source, key, version, added_in, removed_in, payload) "
                "VALUES (:id, :document, :source, :key, :version, :added_in, :removed_in, :payload)"
            )
            connection.execute(insert, {**row, "removed_in": removed_in, "payload": dump(revision)})
            for chunk in chunks:
                row = {name: getattr(chunk, name) for name in ("id", "document", "ordinal", "added_in")}
                insert = text(
                    "INSERT INTO chunks (id, document, ordinal, added_in, removed_in, payload) "
                    "VALUES (:id, :document, :ordinal, :added_in, :removed_in, :payload)"
                )
                connection.execute(insert, {**row, "removed_in": removed_in, "payload": dump(chunk)})
    engine.dispose()
