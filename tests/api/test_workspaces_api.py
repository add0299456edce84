"""Workspaces over HTTP: several editors, and edits that do not fit."""

from __future__ import annotations

import pytest

from context_service.app import App
from tests.api.change_people import CHEAPER, RETURNS, SHORTER, Json, People, done, refused
from tests.companies import STRANGER

NO_CONFLICT = {"outcome": "not_a_conflict", "seen": ["a", "b"], "reason": "Both are rough."}


@pytest.fixture
def people(own_app: App) -> People:
    return People(own_app)


def opened(people: People) -> str:
    return str(done(people.owner.post("/workspaces", json={"title": "Shorter returns"}))["id"])


def test_edits_are_added_taken_out_and_staged(people: People) -> None:
    workspace = opened(people)
    path = f"/workspaces/{workspace}"
    done(people.owner.post(f"{path}/edits", json={"edition": 0, "edit": SHORTER}))
    status = {"kind": "set_status", "document": RETURNS, "status": "withdrawn"}
    two = done(people.owner.post(f"{path}/edits", json={"edition": 1, "edit": status}))
    assert [one["edit"]["kind"] for one in two["edits"]] == ["text_override", "set_status"]
    left = done(people.owner.delete(f"{path}/edits/{two['edits'][1]['id']}", params={"edition": 2}))
    assert [one["edit"] for one in left["edits"]] == [SHORTER]
    staged = done(people.owner.post(f"{path}/stage", json={"edition": 3}))
    assert (staged["state"], staged["edition"]) == ("staged", 3)
    assert done(people.owner.get(f"/drafts/{staged['draft']}"))["kind"] == "workspace"
    assert done(people.owner.get(path)) == staged
    assert staged in done(people.owner.get("/workspaces"))["items"]


def test_of_two_editors_the_second_is_told(people: People) -> None:
    workspace = opened(people)
    path = f"/workspaces/{workspace}"
    done(people.owner.post(f"{path}/edits", json={"edition": 0, "edit": SHORTER}))
    for reply in (
        people.support.post(f"{path}/edits", json={"edition": 0, "edit": CHEAPER}),
        people.support.post(f"{path}/stage", json={"edition": 0}),
        people.support.post(f"{path}/discard", json={"edition": 0}),
        people.owner.delete(f"{path}/edits/any", params={"edition": 0}),
    ):
        assert (*refused(reply), reply.json()["field"]) == (409, "workspace-changed", "edition")


@pytest.mark.parametrize(
    ("edit", "status", "code"),
    [
        (CHEAPER, 403, "not-an-owner"),
        (SHORTER | {"document": "handbook:none.md"}, 404, "not-found"),
        (SHORTER | {"passage": "within 99 days"}, 409, "text-changed"),
        (SHORTER | {"passage": " "}, 422, "invalid-request"),
        (SHORTER | {"document": "returns.md"}, 422, "invalid-request"),
        (SHORTER | {"kind": "set_colour"}, 422, "invalid-request"),
        (SHORTER | {"colour": "red"}, 422, "invalid-request"),
        ({"kind": "set_authority", "document": RETURNS, "authority": "gospel"}, 422, "invalid-request"),
        ({"kind": "workflow_settings", "workflow": "refund", "settings": {"items": 1}}, 403, "forbidden"),
        (
            {"kind": "ruling", "conflict": "none", "ruling": {"outcome": "not_a_conflict", "seen": ["a", "b"], "reason": "x"}},
            404,
            "not-found",
        ),
    ],
)
def test_an_edit_that_may_not_or_cannot_be_made_is_refused(people: People, edit: Json, status: int, code: str) -> None:
    workspace = opened(people)
    assert refused(people.owner.post(f"/workspaces/{workspace}/edits", json={"edition": 0, "edit": edit})) == (status, code)
    assert done(people.owner.get(f"/workspaces/{workspace}"))["edits"] == []


def test_an_empty_one_is_not_staged_and_a_closed_one_takes_nothing(people: People) -> None:
    path = f"/workspaces/{opened(people)}"
    assert refused(people.owner.post(f"{path}/stage", json={"edition": 0})) == (422, "invalid-request")
    assert done(people.owner.post(f"{path}/discard", json={"edition": 0}))["state"] == "discarded"
    for reply in (
        people.owner.post(f"{path}/edits", json={"edition": 1, "edit": SHORTER}),
        people.owner.post(f"{path}/discard", json={"edition": 1}),
    ):
        assert refused(reply) == (409, "workspace-closed")


def test_discarding_takes_back_what_its_draft_holds(people: People) -> None:
    staged = people.staged(SHORTER)
    done(people.owner.post(f"/workspaces/{staged['id']}/discard", json={"edition": staged["edition"]}))
    assert done(people.owner.get("/drafts"))["items"] == []


@pytest.mark.parametrize("title", ["", "  ", "x" * 201])
def test_a_title_says_something(people: People, title: str) -> None:
    assert refused(people.owner.post("/workspaces", json={"title": title})) == (422, "invalid-request")


def test_edits_of_what_one_may_not_read_are_not_shown(people: People) -> None:
    workspace = people.staged(SHORTER | {"document": "handbook:staff/goodwill.md", "passage": "EUR 15", "replacement": "EUR 20"})
    assert done(people.support.get(f"/workspaces/{workspace['id']}"))["edits"] == []
    assert refused(people.owner.get("/workspaces/none")) == (404, "not-found")


def test_nobody_discards_or_stages_what_others_answer_for(people: People) -> None:
    draft = people.approved(SHORTER)
    (found,) = done(people.outsider.get("/workspaces"))["items"]
    path, seen = f"/workspaces/{found['id']}", {"edition": found["edition"]}
    for who in (people.outsider, people.support):
        for verb in ("stage", "discard"):
            assert refused(who.post(f"{path}/{verb}", json=seen)) == (403, "forbidden")
    assert done(people.operator.get(f"/drafts/{draft}"))["state"] == "open"
    assert done(people.operator.post(f"{path}/stage", json=seen))["state"] == "staged"
    assert done(people.owner.post(f"{path}/discard", json=seen))["state"] == "discarded"


def test_edits_of_two_owners_are_staged_and_discarded_by_who_answers_for_both(people: People) -> None:
    path = f"/workspaces/{opened(people)}"
    done(people.owner.post(f"{path}/edits", json={"edition": 0, "edit": SHORTER}))
    done(people.support.post(f"{path}/edits", json={"edition": 1, "edit": CHEAPER}))
    for who in (people.owner, people.support):
        for verb in ("stage", "discard"):
            assert refused(who.post(f"{path}/{verb}", json={"edition": 2})) == (403, "forbidden")
    assert done(people.operator.post(f"{path}/stage", json={"edition": 2}))["state"] == "staged"


def test_a_refusal_does_not_name_what_one_may_not_read(people: People) -> None:
    hidden = SHORTER | {"document": "handbook:staff/goodwill.md", "passage": "EUR 15", "replacement": "EUR 20"}
    found = people.staged(hidden)
    reply = people.outsider.post(f"/workspaces/{found['id']}/discard", json={"edition": found["edition"]})
    assert refused(reply) == (403, "forbidden")
    assert "goodwill" not in reply.text


def test_an_empty_one_is_discarded_by_who_opened_it(people: People) -> None:
    path = f"/workspaces/{opened(people)}"
    assert refused(people.support.post(f"{path}/discard", json={"edition": 0})) == (403, "forbidden")
    assert done(people.owner.post(f"{path}/discard", json={"edition": 0}))["state"] == "discarded"


def test_a_ruling_is_shown_to_those_who_may_see_its_conflict_and_is_its_owners_to_take_out(people: People) -> None:
    view = next(one for one in done(people.support.get("/conflicts"))["items"] if one["mine"] and one["may_rule"])
    ruling = {"outcome": "not_a_conflict", "seen": [side["id"] for side in view["sides"]], "reason": "Parcels that are too large."}
    workspace = done(people.support.post("/workspaces", json={"title": "Rulings"}))
    path = f"/workspaces/{workspace['id']}"
    edit = {"kind": "ruling", "conflict": view["id"], "ruling": ruling}
    (placed,) = done(people.support.post(f"{path}/edits", json={"edition": 0, "edit": edit}))["edits"]
    stranger = people.client(STRANGER.model_copy(update={"teams": frozenset({"shop-team"})}))
    assert refused(stranger.get(f"/conflicts/{view['id']}")) == (404, "not-found")
    assert done(stranger.get(path))["edits"] == []
    assert [one["edits"] for one in done(stranger.get("/workspaces"))["items"]] == [[]]
    assert done(people.outsider.get(path))["edits"] == [placed]
    for verb in ("stage", "discard"):
        assert refused(people.outsider.post(f"{path}/{verb}", json={"edition": 1})) == (403, "forbidden")
    taken = {"edition": 1}
    assert refused(people.outsider.delete(f"{path}/edits/{placed['id']}", params=taken)) == (403, "not-an-owner")
    assert done(people.operator.delete(f"{path}/edits/{placed['id']}", params=taken))["edits"] == []
