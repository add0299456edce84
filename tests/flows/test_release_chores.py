"""What the service does for releases in the background: it finishes rollbacks and deletes what need not be kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from context_service.app import App
from context_service.errors import DraftConflict, NotRestored
from context_service.ingest.progress import Silent
from context_service.model.access import Principal, PrincipalKind
from context_service.model.release import ReleaseKind
from context_service.records.sql import open_records
from context_service.schedule.chores import RETAINED_EVERY, Chores, Work
from tests.flows.schedule_runner import open_now
from tests.flows.small import NOW, SOURCE, SmallCompany, ask
from tests.flows.test_schedule import until

OPERATOR = Principal(id="olga", kind=PrincipalKind.PERSON, operator=True)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Release 1 and 2 are published; the next sync is a day away."""
    company = SmallCompany.write(tmp_path / "company", {"kettle": "The kettle costs EUR 1."})
    (company.folder / "notes" / "source.yaml").write_text(f"{SOURCE}freshness: {{every: 1d, jitter: 0s}}\n")
    with open_now(company.folder) as opened:
        publish(opened, company, 1)
        publish(opened, company, 2)
        yield opened


def publish(app: App, company: SmallCompany, price: int) -> None:
    company.change({"kettle": f"The kettle costs EUR {price}."})
    app.ingest([], "test", Silent())


def told(app: App) -> str:
    return ask(app, "What does the kettle cost?").items[0].text


class TestRollbacks:
    def test_one_that_was_not_finished_is_finished_when_the_service_starts(self, app: App) -> None:
        app.releases.rollback(OPERATOR, 1, "Prices were wrong.")
        assert app.records.traffic().restoring
        with app.scheduled():
            until(lambda: not app.records.traffic().restoring)
        assert app.records.releases()[-1].kind is ReleaseKind.ROLLBACK
        assert "EUR 1." in told(app)

    def test_one_while_the_service_runs_is_finished_in_the_background(self, app: App) -> None:
        with app.scheduled():
            until(app.records.lease)
            app.releases.rollback(OPERATOR, 1, "Prices were wrong.")
            assert "EUR 1." in told(app)
            until(lambda: not app.records.traffic().restoring)
            assert "EUR 1." in told(app)

    def test_until_then_readers_read_on_and_a_publication_is_told_why_it_has_to_wait(self, app: App) -> None:
        with app.records.writing() as tx:
            draft = tx.open_draft("draft", ReleaseKind.SYNC, NOW, "test", sources=["notes"])
        app.releases.rollback(OPERATOR, 1, "Prices were wrong.")
        with app.records.exclusive("draft"), pytest.raises(NotRestored, match="which is being restored") as refused:
            app.releases.publish(OPERATOR, draft.id)
        assert "try again" in refused.value.remedy
        with pytest.raises(NotRestored):
            app.releases.canary(OPERATOR, draft.id, 0.5)
        assert "EUR 1." in told(app)


class TestRetention:
    def test_releases_are_retired_when_the_service_starts(self, app: App) -> None:
        with app.records.writing() as tx:
            first = app.records.release(1)
            assert first
            tx.put_release(first.model_copy(update={"published_at": first.published_at - timedelta(days=400)}))
        for number in range(3, 12):
            with app.records.writing() as tx:
                draft = tx.open_draft(f"draft-{number}", ReleaseKind.SYNC, NOW, "test", sources=["notes"])
                tx.publish(draft.number, NOW, "test")
        with app.scheduled():
            until(lambda: (found := app.records.release(1)) and found.retired_at)
            until(lambda: not app.records.unswept())
        assert app.records.revisions_in(2)

    def test_releases_are_retired_at_the_end_of_an_ingest(self, app: App, tmp_path: Path) -> None:
        with app.records.writing() as tx:
            first = app.records.release(1)
            assert first
            tx.put_release(first.model_copy(update={"published_at": first.published_at - timedelta(days=400)}))
        for price in range(3, 12):
            publish(app, SmallCompany(tmp_path / "company"), price)
        assert [release.number for release in app.records.releases() if release.retired_at] == [1]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


class TestChores:
    def test_the_retention_runs_once_a_day_and_again_when_the_draft_was_in_use(self, tmp_path: Path) -> None:
        records, clock = open_records(f"sqlite:///{tmp_path / 'records.db'}"), Clock()
        retained: list[datetime] = []
        busy = ["The draft is in use."]

        def retain(_: Callable[[], None]) -> None:
            if busy:
                raise DraftConflict(busy.pop(), remedy="")
            retained.append(clock.at)

        chores = Chores(records, Work(restore=lambda _: None, retain=retain, encode=lambda _: None), clock)
        with pytest.raises(DraftConflict):
            chores.look()
        for hours in range(50):
            clock.at = NOW + timedelta(hours=hours)
            chores.look()
        assert retained == [NOW, NOW + RETAINED_EVERY, NOW + 2 * RETAINED_EVERY]
        records.close()

    def test_a_chore_ends_at_its_next_step_when_the_service_ends(self, tmp_path: Path) -> None:
        records, begun = open_records(f"sqlite:///{tmp_path / 'records.db'}"), threading.Event()

        def retain(step: Callable[[], None]) -> None:
            begun.set()
            while True:
                step()

        with Chores(records, Work(restore=lambda _: None, retain=retain, encode=lambda _: None), Clock()):
            assert begun.wait(10)
        records.close()

    def test_a_chore_that_fails_does_not_end_the_thread(self, tmp_path: Path) -> None:
        records, tries = open_records(f"sqlite:///{tmp_path / 'records.db'}"), threading.Semaphore(0)

        def retain(_: Callable[[], None]) -> None:
            tries.release()
            raise DraftConflict("The draft is in use.", remedy="Wait.")

        with Chores(records, Work(restore=lambda _: None, retain=retain, encode=lambda _: None), Clock()):
            assert all(tries.acquire(timeout=10) for _ in range(2))
        records.close()
