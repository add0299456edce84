"""`context-service freshness`, `sync` and `verify`, as operators, watchdogs and owners call them."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from context_service.cli.main import PROMISE_BROKEN
from context_service.cli.main import app as command
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.model.document import RunState
from tests.companies import OPERATOR, OWNER, STRANGER, open_test_app, small_company

Company = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The small company with its first release, and keys by name."""
    folder = small_company(tmp_path_factory.mktemp("company")).parent
    people: dict[str, Principal] = {"owner": OWNER, "operator": OPERATOR, "stranger": STRANGER}
    with open_test_app(folder) as app:
        app.ingest([], "test", Silent())
        return folder, {name: app.register(principal, "test") for name, principal in people.items()}


@pytest.fixture
def company(template: Company, tmp_path: Path) -> Company:
    return Path(shutil.copytree(template[0], tmp_path / "company")), template[1]


def run(company: Company, who: str, *words: str) -> Result:
    folder, keys = company
    where = ["--config", str(folder / "context.yaml"), "--data", str(folder / "data")]
    return CliRunner().invoke(command, [*words, *where], env={"CONTEXT_KEY": keys[who], "COLUMNS": "200"})


def grow_old(company: Company, days: int) -> None:
    """Let everything have been checked so many days ago."""
    with open_test_app(company[0]) as app, app.records.writing() as tx:
        for run in app.records.runs():
            ends = [moment - timedelta(days=days) for moment in (run.started_at, run.finished_at) if moment]
            tx.finish_run(run.model_copy(update={"started_at": ends[0], "finished_at": ends[1]}))


def test_while_every_promise_is_kept_it_says_so_and_passes(company: Company) -> None:
    ran = run(company, "operator", "freshness")
    assert ran.exit_code == 0, ran.output
    assert re.search(r"handbook +fresh +\d+ \w+ ago", ran.stdout)
    assert "No process runs the schedule" in ran.stdout
    assert "cracked.docx" in ran.stdout


def test_a_broken_promise_fails_a_watchdog(company: Company) -> None:
    grow_old(company, 15)
    ran = run(company, "operator", "freshness", "--json")
    assert ran.exit_code == PROMISE_BROKEN == 3
    assert {one["source"]: one["state"] for one in json.loads(ran.stdout)["sources"]}["handbook"] == "stale"


def test_nobody_is_shown_what_it_may_not_see(company: Company) -> None:
    grow_old(company, 15)
    ran = run(company, "stranger", "freshness")
    assert (ran.exit_code, "no source that you may see" in ran.stdout) == (0, True)


def test_pause_resume_and_sync(company: Company) -> None:
    assert "handbook is paused" in run(company, "operator", "sync", "pause", "handbook", "--reason", "They migrate.").stdout
    assert "paused by omar" in run(company, "operator", "freshness").stdout
    synced = run(company, "operator", "sync", "now", "handbook")
    assert synced.exit_code == 0, synced.output
    assert "handbook: succeeded" in synced.stdout
    assert "handbook is resumed" in run(company, "operator", "sync", "resume", "handbook").stdout
    with open_test_app(company[0]) as app:
        state = app.records.schedules()["handbook"]
        assert (state.paused, state.wish) == (None, None)
        assert [one.state for one in app.records.runs("handbook")] == [RunState.SUCCEEDED] * 2


@pytest.mark.parametrize("words", [["sync", "now", "handbook"], ["sync", "pause", "handbook"], ["sync", "resume", "handbook"]])
def test_only_an_operator_may(company: Company, words: list[str]) -> None:
    ran = run(company, "owner", *words)
    assert (ran.exit_code, "Ask an operator" in ran.stderr) == (1, True)


def test_an_owner_verifies_a_document(company: Company) -> None:
    assert "counts as reviewed until" in run(company, "owner", "verify", "handbook:returns.md", "--days", "30").stdout
    refused = run(company, "operator", "verify", "handbook:returns.md", "--days", "30")
    assert (refused.exit_code, "Ask policy-team" in refused.stderr) == (1, True)
