"""The schedule as it runs: one process of several, what was missed, what fails or hangs, what people ask for."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from context_service.app import App
from context_service.ingest.progress import Silent
from context_service.model.access import Grant, Principal, PrincipalKind
from context_service.model.document import RunState
from context_service.model.schedule import EventKind
from tests.contract.records_values import database
from tests.flows.schedule_runner import open_now
from tests.flows.small import SOURCE, SmallCompany, ask, documents

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
OPERATOR = Principal(id="omar", kind=PrincipalKind.PERSON, operator=True, grant=Grant(sources="*"))
SECONDS = 40
T = TypeVar("T")


@pytest.fixture
def company(tmp_path: Path) -> SmallCompany:
    """Two sources: notes, and other notes that can be made to misbehave."""
    written = SmallCompany.write(tmp_path / "company", {"lamp": "The lamp shines for ten hours."})
    other = written.folder / "other" / "texts"
    other.mkdir(parents=True)
    (other / "kettle.txt").write_text("The kettle holds two litres.")
    declare(written, "notes", "every: 1s, jitter: 0s")
    declare(written, "other", "every: 1s, jitter: 0s")
    return written


def declare(company: SmallCompany, name: str, promise: str) -> None:
    text = SOURCE.replace("id: notes", f"id: {name}")
    (company.folder / name / "source.yaml").write_text(f"{text}freshness: {{{promise}}}\n")


def until(look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """What `look` sees as soon as it is something."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return seen


def succeeded(app: App, source: str) -> int:
    return sum(run.state is RunState.SUCCEEDED for run in app.records.runs(source, 500))


@contextmanager
def process(company: SmallCompany, url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.flows.schedule_runner", str(company.folder), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        try:
            yield started
        finally:
            started.kill()


class TestOneOfSeveral:
    @pytest.mark.parametrize("backend", ["sqlite-file", POSTGRES])
    def test_of_two_processes_one_runs_the_schedule_and_when_it_is_killed_the_other_goes_on(
        self, company: SmallCompany, tmp_path: Path, backend: str
    ) -> None:
        with database(backend, tmp_path) as url, open_now(company.folder, url) as app, process(company, url) as first:
            held = until(app.records.lease).holder
            with process(company, url):
                until(lambda: succeeded(app, "notes") >= 3)
                lease = app.records.lease()
                assert lease
                assert lease.holder == held, "the second stands by"
                first.kill()
                killed = time.monotonic()
                before = succeeded(app, "notes")
                until(lambda: (found := app.records.lease()) and found.holder != held)
                until(lambda: succeeded(app, "notes") > before)
                assert time.monotonic() - killed < SECONDS / 2
            runs = sorted((run.started_at, run.finished_at) for run in app.records.runs("notes", 500) if run.finished_at)
            assert all(end <= start for (_, end), (start, _) in pairwise(runs)), "never two at a time"

    def test_a_holder_that_lost_its_lock_steps_down(self, company: SmallCompany) -> None:
        with open_now(company.folder) as app, app.scheduled():
            mine = until(app.records.lease)
            with app.records.writing() as tx:
                tx.put_lease(mine.model_copy(update={"holder": "somebody:else"}))
            until(lambda: (found := app.records.lease()) and found.holder == mine.holder)


class TestMissedRuns:
    def test_what_was_missed_while_nothing_ran_is_made_up_for_once(self, company: SmallCompany) -> None:
        for name in ("notes", "other"):
            declare(company, name, "every: 1h, jitter: 0s")
        with open_now(company.folder) as app:
            app.ingest([], "test", Silent())
            with app.records.writing() as tx:
                late = [
                    state.model_copy(
                        update={"next_run": datetime.now(UTC) - timedelta(hours=7), "slot": datetime.now(UTC) - timedelta(hours=7)}
                    )
                    for state in tx.held_schedules().values()
                ]
                tx.put_schedules(late)
            with app.scheduled():
                until(lambda: succeeded(app, "notes") + succeeded(app, "other") == 4)
                time.sleep(2)
            assert (succeeded(app, "notes"), succeeded(app, "other")) == (2, 2)
            next_run = app.records.schedules()["notes"].next_run
            assert next_run
            assert timedelta(0) < next_run - datetime.now(UTC) <= timedelta(hours=1)

    def test_a_run_that_a_dead_process_had_begun_is_done_again(self, company: SmallCompany) -> None:
        declare(company, "notes", "every: 1h, jitter: 0s")
        with open_now(company.folder) as app:
            app.ingest([], "test", Silent())
            now = datetime.now(UTC)
            with app.records.writing() as tx:
                state = tx.held_schedules()["notes"]
                tx.put_schedules([state.model_copy(update={"started_at": now, "next_run": now})])
            with app.scheduled():
                until(lambda: succeeded(app, "notes") == 2)
                until(lambda: app.records.schedules()["notes"].started_at is None)


class TestTrouble:
    def test_a_source_that_fails_backs_off_is_told_of_once_and_keeps_no_other_waiting(self, company: SmallCompany) -> None:
        declare(company, "other", "every: 1s, jitter: 0s, alarm_after: 2")
        fault = company.folder / "other" / "texts" / "a.down"
        fault.touch()
        with open_now(company.folder) as app, app.scheduled():
            until(lambda: app.records.schedules().get("other") and app.records.schedules()["other"].failures >= 3)
            state, well = app.records.schedules()["other"], succeeded(app, "notes")
            assert state.next_run
            assert state.next_run - datetime.now(UTC) > timedelta(seconds=2)
            assert "does not answer" in (state.reason or "")
            until(lambda: succeeded(app, "notes") > well)
            until(lambda: app.records.events(["other"]))
            assert [event.kind for event in app.records.events(["other"])] == [EventKind.FAILING]
            fault.unlink()
            app.desk.wish(OPERATOR, "other")
            until(lambda: [event.kind for event in app.records.events(["other"])] == [EventKind.MENDED, EventKind.FAILING])
            assert app.records.schedules()["other"].failures == 0

    def test_a_source_that_hangs_keeps_no_other_waiting_and_the_service_ends_all_the_same(self, company: SmallCompany) -> None:
        (company.folder / "other" / "texts" / "a.hang").touch()
        with open_now(company.folder) as app:
            with app.scheduled():
                until(lambda: succeeded(app, "notes") >= 3)
                assert app.records.schedules()["other"].started_at
                assert succeeded(app, "other") == 0
                left = time.monotonic()
            assert time.monotonic() - left < 10
            assert app.records.schedules()["other"].started_at, "whoever comes next does it"


class TestWishes:
    def test_a_paused_source_is_left_alone_until_somebody_asks_or_resumes(self, company: SmallCompany) -> None:
        with open_now(company.folder) as app, app.scheduled():
            until(lambda: succeeded(app, "notes"))
            app.desk.pause(OPERATOR, "notes", "They migrate.")
            until(lambda: app.records.schedules()["notes"].started_at is None)
            paused, other = succeeded(app, "notes"), succeeded(app, "other")
            until(lambda: succeeded(app, "other") >= other + 2)
            assert succeeded(app, "notes") == paused
            app.desk.wish(OPERATOR, "notes")
            until(lambda: succeeded(app, "notes") == paused + 1)
            app.desk.resume(OPERATOR, "notes")
            until(lambda: succeeded(app, "notes") >= paused + 3)

    def test_what_changes_is_served_within_the_interval_and_a_little(self, company: SmallCompany) -> None:
        with open_now(company.folder) as app, app.scheduled():
            until(lambda: app.records.head())
            until(lambda: "notes:lamp.txt" in documents(ask(app, "How long does the lamp shine?")))
            (company.texts / "fan.txt").write_text("The fan turns at nine speeds.")
            written = time.monotonic()
            until(lambda: "notes:fan.txt" in documents(ask(app, "How many speeds has the fan?")))
            assert time.monotonic() - written < 1 + 10
            (company.texts / "fan.txt").unlink()
            until(lambda: "notes:fan.txt" not in documents(ask(app, "How many speeds has the fan?")))
            (lag,) = [one.lag for one in app.freshness(OPERATOR).sources if one.source == "notes"]
            assert lag.changes == 2
            assert lag.p95_seconds
            assert lag.p95_seconds < 1 + 10
