"""Owners in several processes at once, and processes that are killed while they rule: nothing is lost, nothing is half there."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pytest

from context_service.app import App, assemble, utc_now
from context_service.audit.chain import verify
from context_service.declarations.company import load
from context_service.errors import AlreadyRuled
from context_service.ingest.progress import Silent
from context_service.model.audit import Action
from context_service.model.conflict import Happening, Ruling, RulingRequest
from context_service.rulings.views import ConflictView, Filters
from context_service.settings import Settings
from tests.companies import OPERATOR
from tests.contract.records_values import database
from tests.fakes import FakeEmbedder, FakeReranker
from tests.flows.disputes import write_company

OWNERS = 4
KILLS = 4
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Company:
    """Where a company lies, so that another process can open it."""

    folder: Path
    url: str

    def open(self) -> App:
        """The service over it, with the real time."""
        settings = Settings(config=self.folder / "context.yaml", data=self.folder / "data", records_url=self.url, schedule=False)
        return assemble(settings, load(settings.config), FakeEmbedder(), FakeReranker(), now=utc_now)


@pytest.fixture(params=["sqlite-file", pytest.param("postgres", marks=pytest.mark.postgres)])
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    with database(request.param, tmp_path) as url:
        write_company(tmp_path / "company")
        made = Company(tmp_path / "company", url)
        with made.open() as app:
            app.ingest([], "test", Silent())
        yield made


def price_conflict(app: App) -> ConflictView:
    (view,) = [view for view in app.conflicts(OPERATOR, Filters()).items if "Plus plan" in view.sides[0].text]
    return view


def wish(view: ConflictView, number: int) -> RulingRequest:
    sides = [side.id for side in view.sides]
    wanted = {"outcome": "side_wins", "side": sides[number % 2], "seen": sides, "reason": f"Said by {number}."}
    return RulingRequest.model_validate(wanted)


def rule_together(company: Company, number: int, start: Barrier) -> None:
    """One owner's process: exits with 0 when it ruled, with 9 when it was told that somebody had."""
    with company.open() as app:
        view = price_conflict(app)
        start.wait()
        try:
            app.rule(OPERATOR.model_copy(update={"id": f"owner-{number}"}), view.id, wish(view, number))
        except AlreadyRuled:
            raise SystemExit(9) from None


def rule_and_revoke_without_end(company: Company, begun: Event) -> None:
    """A process to be killed."""
    with company.open() as app:
        view = price_conflict(app)
        for standing in view.rulings:
            if standing.in_force:
                app.revoke(OPERATOR, standing.ruling.id)
        while True:
            app.revoke(OPERATOR, app.rule(OPERATOR, view.id, wish(view, 0)).id)
            begun.set()


def test_of_owners_in_several_processes_one_rules_and_the_others_are_told(company: Company) -> None:
    start = SPAWN.Barrier(OWNERS)
    owners: list[SpawnProcess] = [SPAWN.Process(target=rule_together, args=(company, number, start)) for number in range(OWNERS)]
    for owner in owners:
        owner.start()
    for owner in owners:
        owner.join(120)
    assert Counter(owner.exitcode for owner in owners) == {0: 1, 9: OWNERS - 1}
    with company.open() as app:
        (made,) = price_conflict(app).rulings
        assert made.in_force
        assert_whole(app)


def test_a_process_that_is_killed_while_it_rules_leaves_every_ruling_whole(company: Company) -> None:
    seen = 0
    for number in range(KILLS):
        begun = SPAWN.Event()
        process = SPAWN.Process(target=rule_and_revoke_without_end, args=(company, begun))
        process.start()
        assert begun.wait(120)
        time.sleep(0.05 + 0.013 * number)
        process.kill()
        process.join()
        with company.open() as app:
            rulings = assert_whole(app)
            assert len(rulings) > seen, "it ruled before it was killed"
            assert sum(ruling.revoked_at is None for ruling in rulings) <= 1
            seen = len(rulings)


def assert_whole(app: App) -> list[Ruling]:
    """Each ruling and each undoing is stored, noted with its conflict and audited, or nothing of it is."""
    view = price_conflict(app)
    rulings = app.records.rulings_of([view.id])
    made, undone = {one.id for one in rulings}, {one.id for one in rulings if one.revoked_at}
    for happening, action, expected in (
        (Happening.RULED, Action.CONFLICT_RULED, made),
        (Happening.REVOKED, Action.RULING_REVOKED, undone),
    ):
        noted = [event.ruling for event in view.events if event.happening is happening]
        audited = [record.entry.detail["ruling"] for record in app.records.audit_of(f"conflict:{view.id}", action)]
        assert sorted(map(str, noted)) == sorted(expected)
        assert sorted(str(one["id"]) for one in audited if isinstance(one, dict)) == sorted(expected)
    assert verify(app.records.audit_records()).broken is None
    return rulings
