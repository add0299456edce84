"""Conflicts and rulings over HTTP: what is listed, who may rule, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from context_service.app import App
from tests.api.conftest import bearer, browser, registered, served
from tests.companies import AGENT, OPERATOR, OWNER

OUTSIDER = OWNER.model_copy(update={"id": "cy", "teams": frozenset({"press-team"})})
PRICE = {"query": "What does the Plus plan cost per month?", "workflow": "refund"}
Json = dict[str, Any]


@pytest.fixture
def own(own_app: App) -> TestClient:
    """A client of a service of its own, in the name of somebody who owns a side of the conflict about prices."""
    client = browser(served(own_app))
    client.headers.update(registered(own_app, OWNER))
    return client


def conflict(client: TestClient, words: str = "Plus plan") -> Json:
    (found,) = [one for one in client.get("/conflicts").json()["items"] if words in one["sides"][0]["text"]]
    return dict(found)


def wish(view: Mapping[str, Any], words: str = "7.99", **more: object) -> Json:
    side = next(one["id"] for one in view["sides"] if words in one["text"])
    return {"outcome": "side_wins", "side": side, "seen": [one["id"] for one in view["sides"]], "reason": "It fell.", **more}


class TestReading:
    def test_the_list_puts_what_waits_first_then_the_more_severe_and_counts_by_state(
        self, client: TestClient, keys: dict[str, str]
    ) -> None:
        page = client.get("/conflicts", headers=bearer(keys["owner"])).json()
        states = [one["state"] for one in page["items"]]
        assert states == ["open", "resolved_by_rule", "resolved_by_rule"]
        severities = [one["severity"]["score"] for one in page["items"]]
        assert severities[1] >= severities[2]
        assert (page["total"], page["limit"], page["offset"]) == (3, 50, 0)
        assert {state: count for state, count in page["counts"].items() if count} == {"open": 1, "resolved_by_rule": 2}

    @pytest.mark.parametrize(
        ("query", "total"),
        [
            ("state=open", 1),
            ("state=ruled", 0),
            ("source=handbook", 2),
            ("source=helpcenter", 2),
            ("source=nope", 0),
            ("kind=value", 3),
            ("kind=polarity", 0),
            ("mine=true", 2),
            ("severity_min=0.01", 3),
            ("severity_min=1", 0),
            ("state=resolved_by_rule&source=helpcenter&mine=true", 1),
        ],
    )
    def test_filters_narrow_the_list_together(self, client: TestClient, keys: dict[str, str], query: str, total: int) -> None:
        assert client.get(f"/conflicts?{query}", headers=bearer(keys["owner"])).json()["total"] == total

    def test_the_list_comes_in_pages_with_the_same_counts(self, client: TestClient, keys: dict[str, str]) -> None:
        whole = client.get("/conflicts", headers=bearer(keys["owner"])).json()
        pages = [client.get(f"/conflicts?limit=2&offset={offset}", headers=bearer(keys["owner"])).json() for offset in (0, 2, 4)]
        assert [one["id"] for page in pages for one in page["items"]] == [one["id"] for one in whole["items"]]
        assert all(page["counts"] == whole["counts"] for page in pages)

    def test_parts_follow_each_other_while_conflicts_are_settled_between_them(self, own: TestClient, own_app: App) -> None:
        operator = registered(own_app, OPERATOR)
        own.headers.update(operator)
        whole = [one["id"] for one in own.get("/conflicts").json()["items"]]
        first = own.get("/conflicts?limit=1").json()
        (settled,) = first["items"]
        seen = [side["id"] for side in settled["sides"]]
        own.post(f"/conflicts/{settled['id']}/ruling", json={"outcome": "not_a_conflict", "seen": seen, "reason": "Both are rough."})
        second = own.get("/conflicts", params={"limit": 1, "after": first["next"]}).json()
        third = own.get("/conflicts", params={"limit": 2, "after": second["next"]}).json()
        found = [one["id"] for page in (first, second, third) for one in page["items"]]
        assert list(dict.fromkeys(found)) == whole
        assert (first["total"], second["total"], third["next"]) == (3, 3, None)

    @pytest.mark.parametrize("after", ["x", "1 2", "1 high abc", "2 1 2 3", ""])
    def test_a_place_in_the_list_that_it_did_not_give_is_refused(self, client: TestClient, keys: dict[str, str], after: str) -> None:
        reply = client.get("/conflicts", params={"after": after}, headers=bearer(keys["owner"]))
        assert (reply.status_code, reply.json()["field"]) == (422, "after")

    @pytest.mark.parametrize(
        ("query", "field"),
        [("state=decided", "state"), ("kind=quarrel", "kind"), ("mine=perhaps", "mine"), ("severity_min=2", "severity_min")],
    )
    def test_a_filter_with_an_unknown_value_is_named(self, client: TestClient, keys: dict[str, str], query: str, field: str) -> None:
        reply = client.get(f"/conflicts?{query}", headers=bearer(keys["owner"]))
        assert (reply.status_code, reply.json()["field"]) == (422, field)

    def test_a_conflict_tells_sides_owners_severity_events_and_reasons(self, own: TestClient) -> None:
        own.post("/context", json=PRICE)
        view = own.get(f"/conflicts/{conflict(own)['id']}").json()
        assert [one["document"] for one in view["sides"]] == ["handbook:pricing.md", "helpcenter:faq.md"]
        assert view["sides"][0]["text"] == "The Plus plan costs EUR 9.99 per month."
        assert view["sides"][0]["leaned"] == {"answers": 1, "workflows": {"refund": 1}}
        assert (view["owners"], view["mine"], view["may_rule"]) == (["policy-team", "support-team"], True, True)
        assert [event["happening"] for event in view["events"]] == ["opened"]
        assert (view["report"]["rule"], view["report"]["conflicts"]) == ("authority", [view["id"]])
        assert 0 < view["severity"]["score"] < 1

    def test_a_reply_names_the_conflict_as_owners_see_it(self, own: TestClient) -> None:
        (report,) = own.post("/context", json=PRICE).json()["conflicts"]
        assert report["conflicts"] == [conflict(own)["id"]]

    def test_one_between_texts_that_may_not_be_read_does_not_exist(self, own: TestClient, own_app: App) -> None:
        narrow = OWNER.model_copy(update={"id": "di", "grant": OWNER.grant.model_copy(update={"sources": frozenset({"handbook"})})})
        headers = registered(own_app, narrow)
        assert own.get(f"/conflicts/{conflict(own)['id']}", headers=headers).status_code == 404
        assert own.get("/conflicts", headers=headers).json()["total"] == 1


class TestRuling:
    def test_a_ruling_decides_the_next_answer_and_its_undoing_the_one_after(self, own: TestClient) -> None:
        view = conflict(own)
        made = own.post(f"/conflicts/{view['id']}/ruling", json=wish(view))
        assert made.status_code == 200
        assert (made.json()["author"], made.json()["conflict"]) == ("ada", view["id"])
        (report,) = own.post("/context", json=PRICE).json()["conflicts"]
        assert (report["winner"]["document"], report["ruling"]) == ("helpcenter:faq.md", made.json()["id"])
        assert report["losers"][0]["text"] is None
        assert conflict(own)["state"] == "ruled"
        undone = own.delete(f"/rulings/{made.json()['id']}")
        assert (undone.status_code, undone.json()["revoked_by"]) == (200, "ada")
        assert conflict(own)["state"] == "resolved_by_rule"

    def test_a_preview_tells_what_would_change(self, own: TestClient) -> None:
        own.post("/context", json=PRICE)
        view = conflict(own)
        found = own.post(f"/conflicts/{view['id']}/ruling/preview", json=wish(view)).json()
        assert (found["answers"], found["replayed"], found["workflows"]) == (1, 1, {"refund": 1})
        assert found["changed"][0]["question"] == PRICE["query"]
        assert conflict(own)["state"] == "resolved_by_rule"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"outcome": "perhaps"}, "outcome"),
            ({"reason": ""}, "reason"),
            ({"reason": "x" * 2_001}, "reason"),
            ({"reason": " "}, None),
            ({"side": None}, None),
            ({"side": "another"}, None),
            ({"outcome": "not_a_conflict"}, None),
            ({"outcome": "both_hold", "side": None}, None),
            ({"outcome": "both_hold", "side": None, "conditions": {"another": {"plans": ["plus"]}}}, None),
            ({"expires_at": "2030-01-01T00:00:00"}, None),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"scope": {"workflows": ["refnud"]}}, "scope.workflows"),
            ({"scope": {"workflows": []}}, "scope.workflows"),
            ({"seen": ["one"]}, "seen"),
            ({"colour": "red"}, "colour"),
            ({"reason": "It fell.\x1b[2J"}, None),
            ({"reason": "It fell.\u202e"}, None),
            ({"scope": {"applicability": {"plans": ["gold"]}}}, "scope.applicability.plans"),
            ({"scope": {"applicability": {"moons": ["full"]}}}, "scope.applicability.moons"),
            ({"scope": {"workflows": ["refund"], "applicability": {"workflows": ["delivery"]}}}, "scope.workflows"),
            ({"expires_at": "yesterday"}, "expires_at"),
            ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ],
    )
    def test_a_ruling_that_makes_no_sense_is_refused_with_its_remedy(self, own: TestClient, change: Json, field: str | None) -> None:
        view = conflict(own)
        for path in ("ruling", "ruling/preview"):
            reply = own.post(f"/conflicts/{view['id']}/{path}", json=wish(view) | change)
            assert reply.status_code == 422
            assert reply.json().get("field") == field
            assert reply.json()["remedy"]
        assert conflict(own)["rulings"] == []

    def test_refusals_have_codes_of_their_own(self, own: TestClient, own_app: App) -> None:
        view = conflict(own)
        path = f"/conflicts/{view['id']}/ruling"
        outsider, operator = registered(own_app, OUTSIDER), registered(own_app, OPERATOR)
        stale = wish(view) | {"seen": [view["sides"][0]["id"], view["sides"][1]["id"], "gone"]}
        answers = [
            own.post(path, json=wish(view), headers=outsider),
            own.post(path, json=wish(view), headers=registered(own_app, AGENT)),
            own.post(path, json=stale),
            own.post("/conflicts/none/ruling", json=wish(view)),
            own.post(path, json=wish(view, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat()), headers=operator),
            own.post(path, json=wish(view)),
            own.delete("/rulings/none"),
        ]
        assert [(one.status_code, one.json().get("code")) for one in answers] == [
            (403, "not-an-owner"),
            (404, "not-found"),
            (409, "conflict-changed"),
            (404, "not-found"),
            (200, None),
            (409, "already-ruled"),
            (404, "not-found"),
        ]
        made = answers[4].json()["id"]
        assert own.delete(f"/rulings/{made}", headers=outsider).json()["code"] == "not-an-owner"

    def test_a_closed_conflict_takes_no_ruling(self, own: TestClient, own_app: App) -> None:
        view = conflict(own)
        (own_app.declarations.folders["handbook"] / "pricing.md").unlink()
        assert own.post("/sources/handbook/sync", headers=registered(own_app, OPERATOR)).json()["release"]
        assert conflict(own)["state"] == "closed"
        reply = own.post(f"/conflicts/{view['id']}/ruling", json=wish(view))
        assert (reply.status_code, reply.json()["code"]) == (409, "conflict-closed")
