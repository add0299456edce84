"""`context-service conflicts`, as CI calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from context_service.app import utc_now
from context_service.cli.main import CONFLICTS_FOUND
from context_service.cli.main import app as command
from context_service.ingest.progress import Silent
from context_service.model.conflict import RulingRequest
from context_service.rulings.views import Filters
from tests.companies import OWNER
from tests.flows.disputes import Clock, open_company, write_company


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The company with its first release, and the key of an owner."""
    folder = tmp_path_factory.mktemp("disputes") / "company"
    write_company(folder)
    with open_company(folder, Clock()) as app:
        app.ingest([], "test", Silent())
        return folder, app.register(OWNER, "test")


@pytest.fixture
def company(template: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    return Path(shutil.copytree(template[0], tmp_path / "company")), template[1]


def run(company: tuple[Path, str], *options: str, key: str | None = None, columns: str = "200") -> Result:
    folder, own = company
    where = ["--config", str(folder / "context.yaml"), "--data", str(folder / "data")]
    return CliRunner().invoke(command, ["conflicts", *where, *options], env={"CONTEXT_KEY": key or own, "COLUMNS": columns})


def test_what_waits_for_an_owner_is_listed_and_fails_a_build(company: tuple[Path, str]) -> None:
    ran = run(company)
    assert ran.exit_code == CONFLICTS_FOUND == 3
    assert "helpcenter:delivery.txt" in ran.stdout
    assert "pricing" not in ran.stdout, "a rule decides that one"


def test_as_json_each_one_is_whole(company: tuple[Path, str]) -> None:
    found = json.loads(run(company, "--json").stdout)
    assert [one["state"] for one in found] == ["open"]
    assert {side["document"] for side in found[0]["sides"]} == {"helpcenter:delivery.txt", "helpcenter:delivery-estimates.txt"}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--state", "ruled"], 0),
        (["--state", "ruled", "--state", "resolved_by_rule"], 3),
        (["--source", "handbook"], 0),
        (["--source", "handbook", "--state", "resolved_by_rule"], 3),
        (["--min-severity", "1"], 0),
        (["--state", "decided"], 2),
        (["--min-severity", "7"], 2),
    ],
)
def test_the_exit_status_says_whether_any_matches(company: tuple[Path, str], options: list[str], status: int) -> None:
    assert run(company, *options).exit_code == status
    assert run(company, *options, "--json").exit_code == status


def test_a_source_that_is_not_declared_fails_instead_of_passing_a_build(company: tuple[Path, str]) -> None:
    ran = run(company, "--source", "handbok")
    assert ran.exit_code == 1
    assert "handbook" in ran.stderr


def test_a_narrow_terminal_cuts_neither_ids_nor_documents_nor_words(company: tuple[Path, str]) -> None:
    (found,) = json.loads(run(company, "--json").stdout)
    lines = run(company, columns="40").stdout.splitlines()
    assert lines[0].startswith(f"{found['id']}  open  value  severity 0.")
    assert lines[1:] == [f"  {side['document']} ({side['owner']}): {side['text']}" for side in found["sides"]]


def test_what_a_source_says_cannot_steer_the_terminal(company: tuple[Path, str]) -> None:
    delivery = company[0] / "helpcenter/texts/delivery.txt"
    delivery.write_text("# Delivery\nStandard delivery \x1b to Germany \u202e takes 2 working days.\n")
    with open_company(company[0], utc_now) as app:
        app.ingest([], "test", Silent())
    ran = run(company)
    assert ran.exit_code == CONFLICTS_FOUND
    assert "delivery � to Germany � takes 2 working days" in ran.stdout
    assert not {"\x1b", "\u202e"} & set(ran.stdout)


def test_a_ruling_for_some_requests_is_shown_beside_the_state_that_it_leaves(company: tuple[Path, str]) -> None:
    operator = OWNER.model_copy(update={"operator": True})
    with open_company(company[0], utc_now) as app:
        (view,) = [one for one in app.conflicts(operator, Filters()).items if one.state.waits]
        seen = tuple(side.id for side in view.sides)
        scope = {"workflows": ["refund"]}
        request = {"outcome": "not_a_conflict", "seen": seen, "reason": "Both are rough.", "scope": scope}
        app.rule(operator, view.id, RulingRequest.model_validate(request))
    ran = run(company)
    assert ran.exit_code == CONFLICTS_FOUND
    assert f"{view.id}  open (ruled on for some requests)  value" in ran.stdout


def test_a_dismissed_one_no_longer_fails_the_build(company: tuple[Path, str]) -> None:
    operator = OWNER.model_copy(update={"operator": True})
    with open_company(company[0], utc_now) as app:
        (view,) = [one for one in app.conflicts(operator, Filters()).items if one.state.waits]
        seen = tuple(side.id for side in view.sides)
        app.rule(operator, view.id, RulingRequest.model_validate({"outcome": "not_a_conflict", "seen": seen, "reason": "Both are rough."}))
    ran = run(company)
    assert (ran.exit_code, ran.stdout.strip()) == (0, "No such conflict.")


def test_without_a_key_nothing_is_read(company: tuple[Path, str]) -> None:
    ran = run(company, key="wrong")
    assert ran.exit_code == 1
    assert "key" in ran.stderr
