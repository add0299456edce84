"""What a second ingest does, and leaves alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from context_service.model.document import Outcome, OutcomeKind, RunState, SyncRun
from tests.fakes import FakeEmbedder
from tests.flows import corpora
from tests.flows.notes import InterruptedSync
from tests.flows.small import CountingEmbedder, SmallCompany, ask, documents

SYNCS = {"runs", "outcomes", "schedule_state"}
"""Tables that tell of syncs."""

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def company(tmp_path: Path) -> SmallCompany:
    """Forty texts, ingested."""
    written = SmallCompany.write(tmp_path / "company", corpora.before())
    written.ingest()
    return written


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder(FakeEmbedder())


def test_without_a_change_nothing_is_embedded_and_nothing_written_but_the_sync(company: SmallCompany, embedder: CountingEmbedder) -> None:
    before, index = _rows(company.data / "records.db"), _rows(company.index_file)
    report = company.ingest(embedder)
    after = _rows(company.data / "records.db")
    assert report.release is None
    assert [run.counts for run in report.runs] == [{"unchanged": 40}]
    assert embedder.documents == []
    assert {name for name in after if after[name] != before[name]} == SYNCS
    assert len(after["runs"]) == len(before["runs"]) + 1
    assert _rows(company.index_file) == index


def test_a_touched_file_with_the_same_words_is_not_processed_again(company: SmallCompany, embedder: CountingEmbedder) -> None:
    company.change({"00-kettle": corpora.before()["00-kettle"]})
    report = company.ingest(embedder)
    assert (report.release, report.runs[0].counts, embedder.documents) == (None, {"unchanged": 40}, [])


def test_only_the_chunks_of_a_changed_document_are_embedded(company: SmallCompany, embedder: CountingEmbedder) -> None:
    text = corpora.before()["00-kettle"]
    company.change({"00-kettle": text.replace("EUR 20", "EUR 9")})
    report = company.ingest(embedder)
    assert report.runs[0].counts == {"unchanged": 39, "changed": 1}
    assert len(embedder.documents) == 1, "three of its four sections are what they were"
    assert "EUR 9" in embedder.documents[0]


def test_a_deleted_file_is_gone_from_the_next_release_and_still_read_in_the_old_one(company: SmallCompany) -> None:
    company.change({"29-router": None})
    report = company.ingest()
    assert report.runs[0].counts == {"unchanged": 39, "deleted": 1}
    with company.open() as app:
        question = "How is the router returned?"
        assert "notes:29-router.txt" in documents(ask(app, question, release=1))
        assert "notes:29-router.txt" not in documents(ask(app, question))
        assert "router" not in ask(app, question).model_dump_json().lower()


def test_a_file_that_comes_back_is_told_again_without_embedding(company: SmallCompany, embedder: CountingEmbedder) -> None:
    company.change({"29-router": None})
    company.ingest()
    company.change({"29-router": corpora.before()["29-router"]})
    company.ingest(embedder)
    with company.open() as app:
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"
    assert embedder.documents == []


def test_an_incomplete_listing_deletes_nothing(company: SmallCompany) -> None:
    (company.texts / "29-router.txt").unlink()
    (company.texts / "partial").touch()
    assert company.ingest().release is None
    (company.texts / "partial").unlink()
    assert company.ingest().runs[0].counts["deleted"] == 1


def test_what_the_source_calls_deleted_is_deleted_once(company: SmallCompany) -> None:
    (company.texts / "29-router.txt").rename(company.texts / "29-router.gone")
    assert company.ingest().runs[0].counts == {"unchanged": 39, "deleted": 1}
    assert company.ingest().runs[0].counts == {"unchanged": 39}


def test_changed_governance_binds_every_text_and_embeds_nothing(company: SmallCompany, embedder: CountingEmbedder) -> None:
    company.declare("rules: [{match: '29-*', status: withdrawn}]\n")
    report = company.ingest(embedder)
    assert report.release
    assert embedder.documents == []
    with company.open() as app:
        assert "notes:29-router.txt" not in documents(ask(app, "How is the router returned?"))
        assert "notes:29-router.txt" in documents(ask(app, "How is the router returned?", release=1))


def test_a_tightened_access_rule_binds_old_releases_too(company: SmallCompany) -> None:
    company.declare("rules: [{match: '29-*', access: {classification: restricted, audiences: [customer-agents]}}]\n")
    company.ingest()
    with company.open() as app:
        for release in (1, 2):
            assert "router" not in ask(app, "How is the router returned?", release).model_dump_json().lower()


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        pytest.param(lambda path: path.rename(path.with_suffix(".refused")), OutcomeKind.FAILED_TERMINAL, "it is locked", id="locked"),
        pytest.param(lambda path: path.rename(path.with_suffix(".unreachable")), OutcomeKind.FAILED_TRANSIENT, "did not answer", id="gone"),
        pytest.param(lambda path: path.write_text("!unreadable"), OutcomeKind.FAILED_TERMINAL, "invisible ink", id="unreadable"),
        pytest.param(lambda path: path.write_text("!busy"), OutcomeKind.FAILED_TRANSIENT, "reader is busy", id="busy"),
    ],
)
def test_a_failed_item_is_told_with_its_reason_and_keeps_its_last_good_text(
    company: SmallCompany, spoil: Callable[[Path], object], kind: OutcomeKind, reason: str
) -> None:
    spoil(company.texts / "29-router.txt")
    for _ in range(2):
        report = company.ingest()
        assert report.release is None
        assert report.runs[0].counts == {"unchanged": 39, kind.value: 1}
        failure = _outcome(company, report.runs[0], "29-router.txt")
        assert failure.kind is kind
        assert reason in (failure.reason or "")
    with company.open() as app:
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"


@pytest.mark.parametrize("fault", ["!unreadable", "!busy"])
def test_a_mended_item_is_read_again(company: SmallCompany, fault: str) -> None:
    company.change({"29-router": fault})
    company.ingest()
    company.change({"29-router": "# Returning the router\nThe router is returned by drone."})
    assert company.ingest().runs[0].counts == {"unchanged": 39, "changed": 1}
    with company.open() as app:
        assert "by drone" in ask(app, "How is the router returned?").items[0].text


def test_a_failed_item_mended_by_its_old_text_is_well_again(company: SmallCompany) -> None:
    company.change({"29-router": "!unreadable"})
    company.ingest()
    company.change({"29-router": corpora.before()["29-router"]})
    company.ingest()
    assert company.ingest().runs[0].counts == {"unchanged": 40}
    with company.open() as app:
        assert documents(ask(app, "How is the router returned?"))[0] == "notes:29-router.txt"


def test_an_item_that_cannot_be_read_is_not_parsed_again_until_it_changes(company: SmallCompany) -> None:
    company.change({"29-router": "!unreadable"})
    company.ingest()
    before = _rows(company.data / "records.db")
    company.ingest()
    assert {name for name, rows in _rows(company.data / "records.db").items() if rows != before[name]} == SYNCS


@pytest.mark.parametrize(("cause", "reason"), [("down", "does not answer"), ("fault", "KeyError")])
def test_a_source_that_breaks_off_keeps_what_it_brought_and_goes_on_later(
    company: SmallCompany, embedder: CountingEmbedder, cause: str, reason: str
) -> None:
    company.change(corpora.after())
    (company.texts / f"20-x.{cause}").touch()
    report = company.ingest(embedder)
    assert report.runs[0].state is RunState.FAILED
    assert reason in (report.runs[0].reason or "")
    assert "deleted" not in report.runs[0].counts
    assert (report.release, [draft.sources for draft in report.held]) == (None, [frozenset({"notes"})]), "half of a change is not served"
    (company.texts / f"20-x.{cause}").unlink()
    assert company.ingest(embedder).release, "the draft that waited is completed"
    assert len(embedder.documents) == len(set(embedder.documents)), "nothing was embedded twice"
    _holds_the_second_state(company)


def test_a_failed_source_is_not_held_to_be_checked(company: SmallCompany) -> None:
    with company.open() as app:
        checked_at = app.records.checked_at()
    (company.texts / "00-x.down").touch()
    company.ingest()
    with company.open() as app:
        assert app.records.checked_at() == checked_at


@pytest.mark.parametrize("boundary", [f"{number:02}" for number in range(0, 46, 3)])
def test_interrupted_between_any_two_items_it_answers_as_before_and_the_next_sync_finishes(
    company: SmallCompany, embedder: CountingEmbedder, boundary: str
) -> None:
    company.change(corpora.after())
    interruption = company.texts / f"{boundary}.interrupt"
    interruption.touch()
    with pytest.raises(InterruptedSync):
        company.ingest(embedder)
    with company.open() as app:
        assert app.records.head() == 1
        assert "EUR 20" in ask(app, "What does the kettle cost?").items[0].text
    interruption.unlink()
    company.ingest(embedder)
    with company.open() as app:
        assert Counter(run.state for run in app.records.runs()) == {RunState.SUCCEEDED: 2, RunState.INTERRUPTED: 1}
    _holds_the_second_state(company)


def _holds_the_second_state(company: SmallCompany) -> None:
    """The current release holds exactly the texts of the folder, and the index agrees."""
    with company.open() as app:
        app.require_index()
        revisions = app.records.revisions_in(app.records.head())
        assert {revision.key for revision in revisions} == {path.name for path in company.texts.iterdir()}
        for revision in revisions:
            version = app.records.version(revision.version)
            assert version
            assert version.text.split() == (company.texts / revision.key).read_text().replace("# ", "").split()
        assert "EUR 120" in ask(app, "What does the kettle cost?").items[0].text


def _outcome(company: SmallCompany, run: SyncRun, key: str) -> Outcome:
    with company.open() as app:
        return next(outcome for outcome in app.records.outcomes(run.id) if outcome.key == key)


def _rows(path: Path) -> Rows:
    """Every row of every table of a SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}
