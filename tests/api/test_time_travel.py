"""Reading another release, a moment, a draft, another day: on `/context`, `/documents` and `/conflicts`, always with today's access."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from context_service.app import App
from context_service.model.release import ReleaseKind
from tests.api.change_people import RETURNS, SHORTER, SUPPORT, Json, People, done, refused
from tests.api.conftest import Clock
from tests.companies import OWNER, open_test_app

WITHDRAWN = {"kind": "set_status", "document": "helpcenter:faq.md", "status": "withdrawn"}
DEARER = {"kind": "text_override", "document": "helpcenter:faq.md", "passage": "EUR 7.99", "replacement": "EUR 9.99"}
DOCUMENT = "/documents/handbook/returns.md"


@pytest.fixture
def people(untouched: Path, tmp_path: Path, clock: Clock) -> Iterator[People]:
    """Release 1 is hours old."""
    shutil.copytree(untouched, tmp_path / "own")
    clock.now += timedelta(hours=5)
    with open_test_app(tmp_path / "own", now=clock) as app:
        yield People(app)


def says(view: Json) -> str:
    return "\n".join(chunk["text"] for chunk in view["chunks"])


class TestDocuments:
    def test_each_release_and_moment_has_its_own_text(self, people: People, clock: Clock) -> None:
        number = people.published(SHORTER)
        published = clock.now
        clock.now += timedelta(hours=1)
        now, before = done(people.owner.get(DOCUMENT)), done(people.owner.get(f"{DOCUMENT}?release=1"))
        assert (now["release"], "21 days" in says(now), now["notices"]) == (number, True, [])
        assert (before["release"], "30 days" in says(before), len(before["history"])) == (1, True, 1)
        assert "today's rules" in before["notices"][0]
        for moment, days in ((published - timedelta(minutes=1), "30 days"), (published, "21 days")):
            assert days in says(done(people.owner.get(DOCUMENT, params={"as_of": moment.isoformat()})))

    def test_a_draft_is_read_by_people_as_it_would_be_published(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        view = done(people.owner.get(DOCUMENT, params={"draft": draft}))
        assert "21 days" in says(view)
        assert "not published" in view["notices"][0]
        assert "30 days" in says(done(people.owner.get(DOCUMENT)))
        assert len(done(people.owner.get(DOCUMENT))["history"]) == 1
        assert refused(people.agent.get(DOCUMENT, params={"draft": draft})) == (403, "forbidden")

    def test_what_a_draft_would_end_is_not_told_to_who_reads_a_release(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        view = done(people.owner.get(DOCUMENT))
        listed = done(people.owner.get("/sources/handbook/documents"))["items"]
        ends = {row["removed_in"] for row in (view["revision"], *view["chunks"], *view["history"], *listed)}
        assert ends == {None}
        assert done(people.owner.get(DOCUMENT, params={"draft": draft}))["history"][0]["removed_in"]

    def test_a_day_says_which_documents_hold(self, people: People) -> None:
        people.published({"kind": "set_effective", "document": RETURNS, "effective": {"since": "2031-01-01"}})

        def listed(**query: str) -> bool:
            page = done(people.owner.get("/sources/handbook/documents", params=query))
            return "returns.md" in {one["key"] for one in page["items"]}

        assert [listed(), listed(effective_on="2030-12-31"), listed(effective_on="2031-01-01")] == [True, False, True]
        for day, holds in (("2030-12-31", False), ("2031-01-01", True)):
            view = done(people.owner.get(DOCUMENT, params={"effective_on": day}))
            assert (view["effective_on"], view["holds"]) == (day, holds)
        page = done(people.owner.get("/sources/handbook/documents", params={"release": 1, "effective_on": "2030-12-31"}))
        assert (page["release"], page["effective_on"], page["total"] > 3) == (1, "2030-12-31", True)
        assert "today's rules" in page["notices"][0]

    def test_access_is_todays_also_in_an_old_release(self, people: People) -> None:
        people.published(SHORTER)
        assert "pricing.md" in listing(people)
        tighten(people.app, "handbook", "pricing.md")
        assert "pricing.md" not in listing(people)
        assert "pricing.md" not in listing(people, release=1)
        for query in ("", "?release=1"):
            assert refused(people.support.get(f"/documents/handbook/pricing.md{query}")) == (404, "not-found")
        narrow = OWNER.model_copy(update={"teams": frozenset(), "grant": SUPPORT.grant.model_copy(update={"sources": frozenset({"crm"})})})
        assert refused(people.client(narrow).get(f"{DOCUMENT}?release=1")) == (404, "not-found")


class TestConflicts:
    def test_those_of_another_release_are_told_as_they_stood(self, people: People) -> None:
        (now,) = prices(people)
        people.published(DEARER, who=people.support)
        assert [one["state"] for one in prices(people)] == ["closed"]
        (before,) = prices(people, release="1")
        assert (before["id"], before["state"], before["may_rule"], before["release"]) == (now["id"], "resolved_by_rule", False, 1)
        assert [side["text"] for side in before["sides"]] == [side["text"] for side in now["sides"]]
        one = done(people.owner.get(f"/conflicts/{now['id']}?release=1"))
        assert one["state"] == "resolved_by_rule"
        assert "today's rules" in one["notices"][0]
        assert done(people.owner.get("/conflicts?release=1"))["notices"] == one["notices"]

    def test_those_of_a_draft_are_told_to_people(self, people: People) -> None:
        draft = people.staged(DEARER, who=people.support)["draft"]
        assert prices(people, draft=draft) == []
        assert len(prices(people)) == 1
        assert refused(people.agent.get("/conflicts", params={"draft": draft})) == (403, "forbidden")

    def test_a_ruling_stands_only_for_who_reads_after_it(self, people: People, clock: Clock) -> None:
        (view,) = prices(people)
        before = clock.now
        clock.now += timedelta(hours=1)
        seen = [side["id"] for side in view["sides"]]
        done(people.owner.post(f"/conflicts/{view['id']}/ruling", json={"outcome": "not_a_conflict", "seen": seen, "reason": "Rough."}))
        clock.now += timedelta(hours=1)
        assert [one["state"] for one in prices(people)] == ["dismissed"]
        (then,) = prices(people, as_of=before.isoformat())
        assert (then["state"], then["rulings"]) == ("resolved_by_rule", [])

    def test_the_rules_decide_by_the_dates_of_a_day(self, people: People) -> None:
        since = {"kind": "set_effective", "document": "handbook:pricing.md", "effective": {"since": "2031-01-01"}}
        people.published(since)
        reasons = {day: prices(people, effective_on=day)[0]["report"]["winner"] for day in ("2030-12-31", "2031-01-01")}
        assert reasons["2031-01-01"]["document"] == "handbook:pricing.md"
        assert reasons["2030-12-31"] != reasons["2031-01-01"]

    def test_one_with_a_side_that_may_not_be_read_today_does_not_exist(self, people: People) -> None:
        people.published(SHORTER)
        (view,) = prices(people, release="1")
        tighten(people.app, "handbook", "pricing.md")
        assert refused(people.support.get(f"/conflicts/{view['id']}?release=1")) == (404, "not-found")


class TestContext:
    def test_an_answer_that_looks_elsewhere_says_so(self, people: People, clock: Clock) -> None:
        people.published(SHORTER)
        question = {"query": "How many days do I have to return a product?", "workflow": "refund"}
        clock.now += timedelta(hours=1)
        now = done(people.agent.post("/context", json=question))
        then = done(people.agent.post("/context", json=question | {"release": 1}))
        assert not any("today's rules" in notice for notice in now["notices"])
        assert "today's rules" in then["notices"][0]

    def test_a_draft_is_for_people(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        assert "21 days" in "\n".join(item["text"] for item in done(people.owner.post("/context", json=question_of(draft)))["items"])
        assert refused(people.agent.post("/context", json=question_of(draft))) == (403, "forbidden")

    def test_one_that_was_written_to_since_it_was_checked_is_not_read(self, people: People) -> None:
        with people.app.records.writing() as tx:
            draft = tx.open_draft("half", ReleaseKind.SYNC, people.app.now(), "test").id
        for reply in (people.owner.post("/context", json=question_of(draft)), people.owner.get(f"/conflicts?draft={draft}")):
            assert refused(reply) == (409, "stale-draft")


@pytest.mark.parametrize("path", [DOCUMENT, "/sources/handbook/documents", "/conflicts", "/conflicts/none"])
@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("release=7", "unknown-release", "release"),
        ("release=0", "invalid-request", "release"),
        ("release=1&as_of=2026-01-01T00:00:00Z", "invalid-request", "as_of"),
        ("draft=none", "unknown-release", "draft"),
        ("draft=none&release=1", "invalid-request", "draft"),
        ("as_of=2020-01-01T00:00:00Z", "unknown-release", "as_of"),
        ("as_of=2999-01-01T00:00:00Z", "invalid-request", "as_of"),
        ("as_of=2026-01-01T00:00:00", "invalid-request", "as_of"),
        ("as_of=yesterday", "invalid-request", "as_of"),
        ("effective_on=2026-02-30", "invalid-request", "effective_on"),
        ("efective_on=2026-02-01", "invalid-request", "efective_on"),
    ],
)
def test_what_cannot_be_read_is_named(people: People, path: str, query: str, code: str, field: str) -> None:
    reply = people.owner.get(f"{path}?{query}")
    assert (*refused(reply), reply.json()["field"]) == (422, code, field)


def question_of(draft: str) -> Json:
    return {"query": "How many days do I have to return a product?", "workflow": "refund", "draft": draft}


def prices(people: People, **query: str) -> list[Json]:
    found = done(people.owner.get("/conflicts", params=query))["items"]
    return [one for one in found if "Plus plan" in one["sides"][0]["text"]]


def listing(people: People, **query: int) -> set[str]:
    return {one["key"] for one in done(people.support.get("/sources/handbook/documents", params=query))["items"]}


def tighten(app: App, source: str, key: str) -> None:
    """Let a sync have found a document that only staff may read now, in a draft that nobody publishes."""
    revision = app.records.revision_of(source, key, app.records.head())
    assert revision
    version = app.records.version(revision.version)
    assert version
    assert revision.governance.access
    access = revision.governance.access.model_copy(update={"audiences": frozenset({"staff"})})
    governance = revision.governance.model_copy(update={"access": access})
    with app.records.writing() as tx:
        draft = tx.open_draft("tight", ReleaseKind.SYNC, app.now(), "test")
        tx.put_revision(revision.model_copy(update={"id": "tight", "added_in": draft.number, "governance": governance}), version, [])
