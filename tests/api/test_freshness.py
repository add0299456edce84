"""Freshness over HTTP and in the console: who sees what, who may do what, and what it does to answers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from context_service.app import App
from context_service.ingest.progress import Silent
from context_service.model.audit import Action
from context_service.model.context import Freshness
from context_service.model.schedule import Delivery, Event, EventKind, Lease, SyncProgress
from tests.api.conftest import Clock, browser, registered, served
from tests.companies import AGENT, OPERATOR, OWNER, STRANGER, open_test_app

Json = dict[str, Any]
NARROW = OWNER.model_copy(
    update={"id": "di", "teams": frozenset(), "grant": OWNER.grant.model_copy(update={"sources": frozenset({"crm"})})}
)


@pytest.fixture
def app(untouched: Path, tmp_path: Path, clock: Clock) -> Iterator[App]:
    """The company in a copy, at a time that the test sets."""
    shutil.copytree(untouched, tmp_path / "own")
    with open_test_app(tmp_path / "own", now=clock) as opened:
        yield opened


@pytest.fixture
def operator(app: App) -> TestClient:
    return client(app, OPERATOR)


def client(app: App, principal: Any) -> TestClient:
    opened = browser(served(app))
    opened.headers.update(registered(app, principal))
    return opened


def board(client: TestClient) -> dict[str, Json]:
    return {one["source"]: one for one in client.get("/freshness").json()["sources"]}


def told(app: App, event: str, source: str = "handbook") -> Event:
    kept = Event(
        id=event, at=app.now(), kind=EventKind.WORSENED, source=source, title="H", owner="policy-team", before=None, after=Freshness.DUE,
        failures=0, reason=None, message="It is due.", told=("policy-team",),
    )  # fmt: skip
    with app.records.writing() as tx:
        tx.add_event(kept, [Delivery(id=f"{event}:ops", event=event, webhook="ops", next_at=app.now())])
    return kept


class TestReading:
    def test_a_source_is_told_with_its_promise_and_how_it_is_kept(self, operator: TestClient) -> None:
        seen = board(operator)["handbook"]
        assert seen["promise"]["every"] == "6h"
        assert (seen["state"], seen["breached"], seen["failures"], seen["paused"], seen["running"]) == ("fresh", False, 0, None, None)
        assert seen["checked_at"]
        assert seen["lag"] == {"changes": 0, "p50_seconds": None, "p95_seconds": None, "last_seconds": None}
        planned = datetime.fromisoformat(seen["next_run"]) - datetime.fromisoformat(seen["checked_at"])
        assert timedelta(hours=5, minutes=59) < planned < timedelta(hours=6, minutes=19)

    def test_nobody_is_told_of_a_source_it_may_not_see(self, app: App) -> None:
        told(app, "e")
        assert board(client(app, NARROW)).keys() == {"crm"}
        assert client(app, NARROW).get("/events").json() == []
        assert board(client(app, STRANGER)) == {}
        assert client(app, NARROW).post("/freshness/handbook/pause", json={}).status_code == 404

    def test_items_that_fail_and_deliveries_are_told_to_those_who_answer_for_the_source(self, app: App) -> None:
        told(app, "e")
        assert [len(board(client(app, who))["handbook"]["failing"]) for who in (AGENT, OWNER, OPERATOR)] == [0, 1, 1]
        assert [len(client(app, who).get("/events").json()[0]["deliveries"]) for who in (AGENT, OWNER, OPERATOR)] == [0, 1, 1]

    def test_age_breaks_a_promise(self, operator: TestClient, clock: Clock) -> None:
        for days, state in ((1, "fresh"), (2, "due"), (14, "stale"), (60, "expired")):
            clock.now += timedelta(days=days) - (clock.now - datetime.fromisoformat(board(operator)["handbook"]["checked_at"]))
            seen = board(operator)["handbook"]
            assert (seen["state"], seen["breached"]) == (state, state != "fresh")

    def test_a_change_counts_with_the_time_it_took(self, app: App, operator: TestClient, clock: Clock) -> None:
        clock.now += timedelta(hours=1)
        pricing = app.declarations.folders["handbook"] / "pricing.md"
        pricing.write_text(pricing.read_text("utf-8") + "\nAnd more.\n", "utf-8")
        (app.declarations.folders["handbook"] / "returns.md").unlink()
        app.ingest(["handbook"], "test", Silent())
        lag = board(operator)["handbook"]["lag"]
        assert lag["changes"] == 2
        assert 0 <= lag["p50_seconds"] <= lag["p95_seconds"] <= 3_600

    def test_a_running_sync_and_the_process_that_runs_the_schedule_are_shown(self, app: App, operator: TestClient, clock: Clock) -> None:
        assert operator.get("/freshness").json()["schedule_runs"] is False
        with app.records.writing() as tx:
            tx.put_progress(SyncProgress(source="handbook", started_at=clock.now, stage="Reading", done=7, at=clock.now))
            tx.put_lease(Lease(holder="host:1", since=clock.now, seen_at=clock.now))
        assert (board(operator)["handbook"]["running"]["done"], operator.get("/freshness").json()["schedule_runs"]) == (7, True)
        clock.now += timedelta(minutes=11)
        assert (board(operator)["handbook"]["running"], operator.get("/freshness").json()["schedule_runs"]) == (None, False)

    def test_the_figures_are_for_operators_and_in_the_format_of_prometheus(self, app: App, operator: TestClient) -> None:
        told(app, "e")
        refused = client(app, OWNER).get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        reply = operator.get("/metrics")
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        figures = {
            (one.name, *sorted(one.labels.values())): one.value
            for family in text_string_to_metric_families(reply.text)
            for one in family.samples
        }
        assert figures["context_release",] == 1
        assert figures["context_source_freshness", "fresh", "handbook"] == 1
        assert figures["context_source_freshness", "handbook", "stale"] == 0
        assert figures["context_freshness_events_total", "freshness_worsened", "handbook"] == 1
        assert figures["context_webhook_deliveries", "pending"] == 1


class TestScheduling:
    def test_pause_resume_and_sync_are_asked_for_by_operators_and_audited(self, app: App, operator: TestClient) -> None:
        paused = operator.post("/freshness/handbook/pause", json={"reason": "They migrate."}).json()
        assert (paused["paused"]["by"], paused["paused"]["reason"]) == ("omar", "They migrate.")
        assert operator.post("/freshness/handbook/sync").json()["wish"]["by"] == "omar"
        assert operator.post("/freshness/handbook/resume").json()["paused"] is None
        actions = [record.entry.action for record in app.records.audit_of("source:handbook")]
        assert [one for one in actions if one in {Action.SCHEDULE_PAUSED, Action.SYNC_ASKED, Action.SCHEDULE_RESUMED}] == [
            Action.SCHEDULE_PAUSED, Action.SYNC_ASKED, Action.SCHEDULE_RESUMED,
        ]  # fmt: skip

    @pytest.mark.parametrize("what", ["pause", "resume", "sync"])
    @pytest.mark.parametrize("who", [AGENT, OWNER])
    def test_nobody_else_may(self, app: App, who: Any, what: str) -> None:
        reply = client(app, who).post(f"/freshness/handbook/{what}", json={} if what == "pause" else None)
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
        assert board(client(app, OPERATOR))["handbook"]["paused"] is None


class TestVerifying:
    OLD = timedelta(days=300)

    def state(self, client: TestClient) -> str:
        return str(client.get("/documents/handbook/returns.md").json()["freshness"])

    def test_a_verification_counts_as_review_until_it_ends(self, app: App, clock: Clock) -> None:
        owner = client(app, OWNER)
        clock.now += timedelta(days=330)
        app.ingest(["handbook"], "test", Silent())
        assert self.state(owner) == "stale"
        made = owner.post("/verifications", json={"document": "handbook:returns.md", "days": 30, "note": "Read it."})
        assert (made.status_code, made.json()["by"]) == (200, "ada")
        assert self.state(owner) == "fresh"
        (entry,) = [one.entry for one in app.records.audit_of("document:handbook:returns.md", Action.DOCUMENT_VERIFIED)]
        assert (entry.actor, entry.detail["note"]) == ("ada", "Read it.")
        clock.now += timedelta(days=30)
        app.ingest(["handbook"], "test", Silent())
        assert self.state(owner) == "stale"

    def test_it_ends_with_the_text_that_it_was_given_for(self, app: App, clock: Clock) -> None:
        owner = client(app, OWNER)
        clock.now += timedelta(days=330)
        owner.post("/verifications", json={"document": "handbook:returns.md", "days": 30})
        path = app.declarations.folders["handbook"] / "returns.md"
        path.write_text(path.read_text("utf-8").replace("30 days", "20 days"), "utf-8")
        app.ingest(["handbook"], "test", Silent())
        assert self.state(owner) == "stale"

    @pytest.mark.parametrize(
        ("who", "body", "status"),
        [
            (AGENT, {}, 404),
            (OPERATOR, {}, 403),
            (NARROW, {}, 404),
            (OWNER, {"document": "handbook:none.md"}, 404),
            (OWNER, {"document": "none"}, 404),
            (OWNER, {"days": 0}, 422),
            (OWNER, {"days": 4_000}, 422),
            (OWNER, {"weeks": 4}, 422),
        ],
    )
    def test_nobody_else_can_give_it_nor_for_nothing(self, app: App, who: Any, body: Json, status: int) -> None:
        reply = client(app, who).post("/verifications", json={"document": "handbook:returns.md", "days": 30, **body})
        assert reply.status_code == status
        assert reply.json()["remedy"]


class TestConsole:
    def log_in(self, app: App, who: Any) -> TestClient:
        visitor = browser(served(app))
        key = app.register(who, "test")
        visitor.post("/console/login", data={"csrf": token(visitor.get("/console/login").text), "key": key})
        return visitor

    def test_the_page_shows_the_sources_and_what_was_told(self, app: App, clock: Clock) -> None:
        told(app, "e")
        clock.now += timedelta(days=3)
        page = self.log_in(app, OWNER).get("/console/freshness").text
        for words in (
            "Customer handbook",
            "Due for a check",
            "checked every 6 hours",
            "Promise broken",
            "ops: on its way",
            "No process runs",
        ):
            assert words in page, words
        assert "Sync now" not in page

    def test_an_operator_asks_pauses_and_resumes(self, app: App) -> None:
        visitor = self.log_in(app, OPERATOR)
        page = visitor.get("/console/freshness").text
        for what, shown in (("sync", "A sync was asked for by omar"), ("pause", "Paused by omar"), ("resume", "Pause<")):
            reply = visitor.post(f"/console/freshness/handbook/{what}", data={"csrf": token(page)})
            assert (reply.status_code, reply.headers["location"]) == (303, "/console/freshness#handbook")
            assert shown in visitor.get("/console/freshness").text
        assert visitor.post("/console/freshness/handbook/pause", data={"csrf": "no"}).status_code == 403

    def test_an_owner_verifies_a_document(self, app: App) -> None:
        visitor = self.log_in(app, OWNER)
        form = visitor.get("/console/verify?ref=handbook:returns.md").text
        sent = {"csrf": token(form), "ref": "handbook:returns.md", "note": "Fine."}
        refused = visitor.post("/console/verify", data={**sent, "days": "many"})
        assert (refused.status_code, "from 1 to 3,650" in refused.text, "Fine." in refused.text) == (422, True, True)
        assert visitor.post("/console/verify", data={**sent, "days": "30"}).status_code == 303
        assert "Fine." in visitor.get("/console/verify?ref=handbook:returns.md").text

    def test_somebody_else_is_told_who_can(self, app: App) -> None:
        page = self.log_in(app, OPERATOR).get("/console/verify?ref=handbook:returns.md").text
        assert "policy-team" in page
        assert "<form class" not in page.split("<main", 1)[1]


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]
