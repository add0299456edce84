"""Releases and drafts over HTTP: who sees what, who may do what, and what goes wrong between two people."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from context_service.app import App, assemble
from context_service.declarations.company import load
from context_service.settings import Settings
from tests.api.change_people import CHEAPER, RETURNS, SHORTER, Json, People, done, refused
from tests.companies import SESSION_SECRET, STRANGER
from tests.fakes import FakeEmbedder, FakeReranker


@pytest.fixture
def people(untouched: Path, tmp_path: Path) -> Iterator[People]:
    """A service of their own that keeps two releases."""
    folder = Path(shutil.copytree(untouched, tmp_path / "own"))
    with keeping(folder, 2) as app:
        yield People(app)


def keeping(folder: Path, releases: int) -> App:
    settings = Settings(
        config=folder / "context.yaml",
        data=folder / "data",
        session_secret=SESSION_SECRET,
        schedule=False,
        keep_releases=releases,
        keep_days=0,
    )
    return assemble(settings, load(settings.config), FakeEmbedder(64), FakeReranker())


def retire_the_first(people: People) -> None:
    for edit in (SHORTER, CHEAPER):
        people.published(edit, who=people.owner if edit is SHORTER else people.support)
    assert people.app.releases.retain("test").retired == (1,)


class TestReleases:
    def test_they_are_listed_newest_first_with_what_is_read_now(self, people: People) -> None:
        number = people.published(SHORTER)
        page = done(people.owner.get("/releases"))
        assert [one["number"] for one in page["items"]] == [number, 1]
        assert (page["traffic"]["number"], page["traffic"]["canary"], page["total"]) == (number, None, 2)
        assert [one["number"] for one in done(people.owner.get("/releases?limit=1&offset=1"))["items"]] == [1]

    def test_one_tells_who_published_it_why_by_which_gates_and_when_it_was_read(self, people: People) -> None:
        number = people.published(SHORTER)
        view = done(people.owner.get(f"/releases/{number}"))
        assert (view["release"]["by"], view["release"]["why"], view["release"]["kind"]) == ("omar", "the law changed", "workspace")
        assert view["release"]["gates"]["approval"]["by"] == "omar"
        assert [move["number"] for move in view["moves"]] == [number]

    def test_what_the_gates_said_is_for_those_who_answer_for_some_of_it(self, people: People) -> None:
        number = people.published(SHORTER)
        assert done(people.support.get(f"/releases/{number}"))["release"]["gates"] == {}
        assert done(people.support.get("/releases"))["items"][0]["gates"] == {}
        assert done(people.client(STRANGER).get(f"/releases/{number}"))["release"]["sources"] == []

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/releases"),
            ("GET", "/releases/1"),
            ("GET", "/releases/1/diff/1"),
            ("GET", "/drafts"),
            ("GET", "/drafts/none"),
            ("GET", "/workspaces"),
            ("GET", "/feedback"),
            ("GET", "/golden"),
            ("POST", "/drafts/none/check"),
        ],
    )
    def test_they_are_for_people(self, people: People, method: str, path: str) -> None:
        assert refused(people.agent.request(method, path)) == (403, "forbidden")

    def test_two_are_compared_by_what_one_may_read(self, people: People) -> None:
        staff = SHORTER | {"document": "handbook:staff/goodwill.md", "passage": "EUR 15", "replacement": "EUR 20"}
        number = people.published(SHORTER, staff)
        diff = done(people.owner.get(f"/releases/1/diff/{number}"))
        assert [one["document"] for one in diff["documents"]] == [RETURNS, "handbook:staff/goodwill.md"]
        assert (diff["documents"][0]["text"], diff["counts"]["changed"]) == (True, 2)
        seen = done(people.support.get(f"/releases/1/diff/{number}"))
        assert [one["document"] for one in seen["documents"]] == [RETURNS]
        assert (seen["counts"]["changed"], seen["counts"]["hidden"]) == (1, 0)
        first = done(people.owner.get(f"/releases/1/diff/{number}?limit=1"))
        rest = done(people.owner.get(f"/releases/1/diff/{number}", params={"limit": 1, "after": first["next"]}))
        assert [one["document"] for one in rest["documents"]] == ["handbook:staff/goodwill.md"]
        assert rest["next"] is None

    @pytest.mark.parametrize(
        ("path", "status", "code", "field"),
        [
            ("/releases/7", 422, "unknown-release", "release"),
            ("/releases/0", 422, "invalid-request", "number"),
            ("/releases/99999999999999999999", 422, "invalid-request", "number"),
            ("/releases/1/diff/7", 422, "unknown-release", "number"),
            ("/releases/7/diff/1", 422, "unknown-release", "base"),
            ("/releases/1/diff/1?limit=501", 422, "invalid-request", "limit"),
            ("/releases/1/diff/1?limit=0", 422, "invalid-request", "limit"),
        ],
    )
    def test_one_that_there_is_not_is_named(self, people: People, path: str, status: int, code: str, field: str) -> None:
        reply = people.operator.get(path)
        assert refused(reply) == (status, code)
        assert reply.json()["field"] == field

    def test_a_retired_one_can_be_seen_and_not_be_read(self, people: People) -> None:
        retire_the_first(people)
        assert done(people.operator.get("/releases/1"))["release"]["retired_at"]
        for reply in (
            people.operator.get("/releases/1/diff/2"),
            people.operator.get("/conflicts?release=1"),
            people.operator.get("/sources/handbook/documents?release=1"),
            people.operator.post("/releases/1/rollback", json={}),
            people.operator.post("/releases/1/pin", json={}),
            people.agent.post("/context", json={"query": "Why?", "workflow": "refund", "release": 1}),
        ):
            assert refused(reply) == (422, "unknown-release")

    def test_a_pinned_one_is_kept(self, people: People) -> None:
        assert done(people.operator.post("/releases/1/pin", json={"reason": "the audit"}))["pinned"]
        people.published(SHORTER)
        people.published(CHEAPER, who=people.support)
        assert people.app.releases.retain("test").retired == ()
        assert not done(people.operator.post("/releases/1/unpin", json={}))["pinned"]
        assert people.app.releases.retain("test").retired == (1,)
        assert refused(people.owner.post("/releases/2/pin", json={})) == (403, "forbidden")


class TestRollback:
    def test_everybody_reads_the_older_one_at_once_and_the_next_starts_from_it(self, people: People) -> None:
        number = people.published(SHORTER)
        assert "within 21 days" in people.told()
        move = done(people.operator.post("/releases/1/rollback", json={"reason": "too early"}))
        assert (move["number"], move["reason"]) == (1, "too early")
        assert "within 30 days" in people.told()
        page = done(people.operator.get("/releases"))
        newest = page["items"][0]
        assert (newest["kind"], newest["restores"], page["traffic"]["number"]) == ("rollback", 1, newest["number"])
        assert newest["number"] > number
        assert page["traffic"]["publishing_held"]
        assert "within 21 days" in people.told(release=number)

    def test_drafts_that_stood_on_the_other_are_stale(self, people: People) -> None:
        people.published(SHORTER)
        draft = people.approved(CHEAPER, who=people.support)
        done(people.operator.post("/releases/1/rollback", json={}))
        assert refused(people.operator.post(f"/drafts/{draft}/publish", json={})) == (409, "stale-draft")
        assert done(people.operator.get(f"/drafts/{draft}"))["state"] == "open"

    @pytest.mark.parametrize(("number", "code"), [(1, "invalid-request"), (2, "unknown-release"), (2**31 - 1, "unknown-release")])
    def test_to_the_current_or_a_future_one_is_refused(self, people: People, number: int, code: str) -> None:
        reply = people.operator.post(f"/releases/{number}/rollback", json={})
        assert refused(reply) == (422, code)
        assert reply.json()["field"] == "release"

    def test_it_is_for_who_answers_for_everything_that_differs(self, people: People) -> None:
        people.published(SHORTER)
        for who in (people.outsider, people.support, people.agent):
            assert refused(who.post("/releases/1/rollback", json={})) == (403, "forbidden")
        assert "within 21 days" in people.told()
        done(people.owner.post("/releases/1/rollback", json={}))

    def test_it_ends_no_trial_of_what_one_does_not_answer_for(self, people: People) -> None:
        people.published(SHORTER)
        draft = people.approved(CHEAPER, who=people.support)
        tried = done(people.operator.post(f"/drafts/{draft}/canary", json={"share": 0.5}))["number"]
        assert refused(people.owner.post("/releases/1/rollback", json={})) == (403, "forbidden")
        assert done(people.operator.get("/releases"))["traffic"]["canary"] == tried
        done(people.operator.post("/releases/1/rollback", json={}))
        assert done(people.operator.get("/releases"))["traffic"]["canary"] is None


class TestDrafts:
    def test_a_stranger_is_not_told_by_its_number_that_it_stands_nor_what_it_sets(self, people: People) -> None:
        edit = {"kind": "workflow_settings", "workflow": "refund", "settings": {"token_budget": 100}}
        draft = people.staged(edit, who=people.operator)["draft"]
        number = done(people.operator.get(f"/drafts/{draft}"))["number"]
        assert [one["workflow"] for one in done(people.operator.get(f"/releases/1/diff/{number}"))["settings"]] == ["refund"]
        for who in (people.client(STRANGER), people.outsider):
            assert refused(who.get(f"/drafts/{draft}")) == (404, "not-found")
            for path in (f"/releases/1/diff/{number}", f"/releases/{number}/diff/1"):
                assert refused(who.get(path)) == (422, "unknown-release")
            there, nowhere = (who.get(f"/releases/1/diff/{one}").json()["detail"] for one in (number, number + 90))
            assert there.replace(str(number), "") == nowhere.replace(str(number + 90), "")

    def test_who_answers_for_none_of_it_sees_that_it_stands_and_no_more(self, people: People) -> None:
        draft = people.approved(SHORTER)
        (mine,) = done(people.owner.get("/drafts"))["items"]
        assert mine["gates"]["digest"]
        (theirs,) = done(people.support.get("/drafts"))["items"]
        assert (theirs["id"], theirs["gates"], theirs["notes"], theirs["reasons"]) == (draft, {}, {}, [])
        stranger = people.client(STRANGER)
        assert done(stranger.get("/drafts"))["items"] == []
        for path in ("", "/diff", "/impact"):
            assert refused(stranger.get(f"/drafts/{draft}{path}")) == (404, "not-found")
        for verb in ("publish", "discard", "take-back"):
            assert refused(stranger.post(f"/drafts/{draft}/{verb}", json={})) == (404, "not-found")
        assert refused(people.support.post(f"/drafts/{draft}/check")) == (403, "forbidden")

    def test_its_diff_and_impact_tell_what_it_would_do(self, people: People) -> None:
        people.told()
        draft = people.staged(SHORTER)["draft"]
        diff = done(people.owner.get(f"/drafts/{draft}/diff"))
        assert [(one["document"], one["kind"], one["text"]) for one in diff["documents"]] == [(RETURNS, "changed", True)]
        impact = done(people.owner.get(f"/drafts/{draft}/impact"))
        assert (impact["answers"], impact["replayed"], impact["workflows"]) == (1, 1, {"refund": 1})
        assert impact["changed"][0]["changed"] == [RETURNS]
        assert refused(people.outsider.get(f"/drafts/{draft}/impact")) == (403, "forbidden")
        assert refused(people.owner.get(f"/drafts/{draft}/impact?replays=51")) == (422, "invalid-request")

    def test_the_last_editor_cannot_approve_it(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        digest = done(people.owner.post(f"/drafts/{draft}/check"))["digest"]
        assert refused(people.owner.post(f"/drafts/{draft}/approve", json={"digest": digest})) == (403, "not-an-approver")
        assert refused(people.owner.post(f"/drafts/{draft}/publish", json={})) == (403, "not-an-approver")
        assert refused(people.support.post(f"/drafts/{draft}/approve", json={"digest": digest})) == (403, "not-an-approver")

    def test_an_edit_by_somebody_else_that_was_taken_out_makes_nobody_an_approver_of_their_own(self, people: People) -> None:
        path = f"/workspaces/{done(people.owner.post('/workspaces', json={'title': 'Mine'}))['id']}"
        done(people.owner.post(f"{path}/edits", json={"edition": 0, "edit": SHORTER}))
        both = done(people.support.post(f"{path}/edits", json={"edition": 1, "edit": CHEAPER}))
        theirs = next(one["id"] for one in both["edits"] if one["by"] == "bo")
        assert done(people.support.delete(f"{path}/edits/{theirs}", params={"edition": 2}))["last_editor"] == "bo"
        draft = done(people.owner.post(f"{path}/stage", json={"edition": 3}))["draft"]
        digest = done(people.owner.post(f"/drafts/{draft}/check"))["digest"]
        assert refused(people.owner.post(f"/drafts/{draft}/approve", json={"digest": digest})) == (403, "not-an-approver")
        assert refused(people.owner.post(f"/drafts/{draft}/publish", json={})) == (403, "not-an-approver")

    def test_only_what_was_seen_is_approved(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        reply = people.operator.post(f"/drafts/{draft}/approve", json={"digest": "another"})
        assert refused(reply) == (409, "draft-changed")

    def test_one_that_was_not_checked_is_not_published(self, people: People) -> None:
        draft = people.staged(SHORTER)["draft"]
        assert refused(people.operator.post(f"/drafts/{draft}/publish", json={})) == (409, "stale-draft")

    def test_one_whose_base_moved_is_checked_again_and_loses_nothing(self, people: People) -> None:
        late = people.approved(CHEAPER, who=people.support)
        people.published(SHORTER)
        assert refused(people.operator.post(f"/drafts/{late}/publish", json={})) == (409, "stale-draft")
        assert done(people.operator.post(f"/drafts/{late}/check"))["approval"]["by"] == "omar"
        number = done(people.operator.post(f"/drafts/{late}/publish", json={}))["number"]
        assert "within 21 days" in people.told(release=number)

    def test_of_two_publishers_at_once_one_is_told_so(self, people: People) -> None:
        draft = people.approved(SHORTER)
        meeting = Barrier(2)

        def publish(client: TestClient) -> Any:
            meeting.wait()
            return client.post(f"/drafts/{draft}/publish", json={})

        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(publish, [people.operator, people.second]))
        won, lost = sorted(replies, key=lambda one: one.status_code)
        assert (won.status_code, *refused(lost)) == (200, 409, "draft-conflict")
        assert done(people.operator.get("/releases"))["total"] == 2
        assert "within 21 days" in people.told()

    def test_a_discarded_one_is_gone(self, people: People) -> None:
        draft = people.approved(SHORTER)
        assert refused(people.support.post(f"/drafts/{draft}/discard", json={})) == (403, "forbidden")
        assert done(people.owner.post(f"/drafts/{draft}/discard", json={"reason": "not now"}))["state"] == "discarded"
        assert done(people.owner.get("/drafts"))["items"] == []
        assert refused(people.operator.post(f"/drafts/{draft}/publish", json={}))[0] == 409
        assert refused(people.owner.get(f"/drafts/{draft}/diff")) == (404, "not-found")


class TestTrial:
    def trial(self, people: People, share: float = 0.5) -> tuple[str, Json]:
        draft = people.approved(SHORTER)
        return draft, done(people.operator.post(f"/drafts/{draft}/canary", json={"share": share}))

    def test_the_same_conversations_read_it_until_it_is_widened_to_all(self, people: People) -> None:
        draft, release = self.trial(people)
        read = {name: "21 days" in people.told(conversation_id=name) for name in map(str, range(30))}
        assert 3 < sum(read.values()) < 27
        assert read == {name: "21 days" in people.told(conversation_id=name) for name in read}
        compared = done(people.owner.get("/trial"))
        assert (compared["canary"]["answers"], compared["beside"]["answers"]) == (2 * sum(read.values()), 60 - 2 * sum(read.values()))
        move = done(people.operator.post(f"/drafts/{draft}/widen", json={"share": 0.9}))
        assert (move["number"], move["canary"], move["share"]) == (1, release["number"], 0.9)
        assert all("21 days" in people.told(conversation_id=name) for name, tried in read.items() if tried)
        done(people.operator.post(f"/drafts/{draft}/widen", json={"share": 1}))
        assert done(people.operator.get("/releases"))["traffic"]["number"] == release["number"]

    def test_without_a_trial_there_is_nothing_to_compare(self, people: People) -> None:
        assert refused(people.owner.get("/trial"))[0] == 422

    def test_taken_back_nobody_reads_it(self, people: People) -> None:
        draft, _ = self.trial(people, 0.9)
        assert done(people.operator.post(f"/drafts/{draft}/take-back", json={"reason": "worse"}))["number"] == 1
        assert all("30 days" in people.told(conversation_id=name) for name in map(str, range(10)))
        assert done(people.operator.get("/releases"))["items"][0]["restores"] == 1

    def test_while_it_runs_nothing_else_is_published(self, people: People) -> None:
        draft, _ = self.trial(people)
        other = people.approved(CHEAPER, who=people.support)
        assert refused(people.operator.post(f"/drafts/{other}/publish", json={})) == (409, "canary-running")
        for verb, body in (("widen", {"share": 1}), ("take-back", {})):
            reply = people.operator.post(f"/drafts/{other}/{verb}", json=body)
            assert (*refused(reply), reply.json()["field"]) == (422, "invalid-request", "draft")
            assert refused(people.support.post(f"/drafts/{draft}/{verb}", json=body)) == (403, "forbidden")

    @pytest.mark.parametrize("share", [0, -0.1, 1.01, "half", None])
    def test_a_share_out_of_bounds_is_named(self, people: People, share: object) -> None:
        draft = people.approved(SHORTER)
        for verb in ("canary", "widen"):
            reply = people.operator.post(f"/drafts/{draft}/{verb}", json={"share": share})
            assert (*refused(reply), reply.json()["field"]) == (422, "invalid-request", "share")

    def test_a_trial_of_everybody_is_none_and_without_one_nothing_is_widened(self, people: People) -> None:
        draft = people.approved(SHORTER)
        reply = people.operator.post(f"/drafts/{draft}/canary", json={"share": 1})
        assert (*refused(reply), reply.json()["field"]) == (422, "invalid-request", "share")
        assert refused(people.operator.post(f"/drafts/{draft}/widen", json={"share": 1})) == (422, "invalid-request")
        assert refused(people.operator.post(f"/drafts/{draft}/take-back", json={})) == (422, "invalid-request")
