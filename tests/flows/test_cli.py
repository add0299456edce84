"""From `init` to an answer, by the commands a newcomer types."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from context_service.cli.main import app
from context_service.model.context import ContextReply

COMMAND = Path(sys.executable).with_name("context-service")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """Runs a command over the company in the folder."""
    settings = {"CONTEXT_CONFIG": str(folder / "context.yaml"), "CONTEXT_DATA": str(folder / ".context"), "COLUMNS": "200"}
    return lambda *arguments: CliRunner().invoke(app, arguments, env=settings)


@pytest.fixture(scope="module")
def key(run: Run, folder: Path) -> str:
    """The key of an agent, after the steps of a newcomer in a shell."""
    for step in ("init", "validate", "ingest"):
        done = subprocess.run([COMMAND, step], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    assert "Release 1 is published." in done.stdout
    registered = run("register", "my-agent", "--workflows", "refund", "--sources", "*", "--audiences", "customer-agents")
    assert registered.exit_code == 0
    assert "Keep this key" in registered.stderr
    return registered.stdout.strip()


def test_the_answer_is_shown_with_where_it_comes_from(run: Run, key: str) -> None:
    done = run("ask", "How many days do I have to return a product?", "-w", "refund", "--key", key)
    assert done.exit_code == 0, done.stderr
    for words in ("answer", "within 30 days of delivery", "handbook:returns.md", "release 1"):
        assert words in done.stdout


def test_the_answer_is_the_reply_of_the_api_as_json(run: Run, key: str) -> None:
    done = run("ask", "How many days do I have to return a product?", "-w", "refund", "--key", key, "--json")
    reply = ContextReply.model_validate_json(done.stdout)
    assert [item.document for item in reply.items] == ["handbook:returns.md"]
    assert json.loads(done.stdout)["decision"] == "answer"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Why?", "-w", "returns", "--key", "{key}"], "error: No workflow `returns` is declared. Use one of refund."),
        (["Why?", "-w", "refund", "--key", "ctx_nobody"], "error: This needs the key of a registered agent or person. Send"),
        (["Why?", "-w", "refund", "--key", "{key}", "--customer", "C-1"], "error: No customer `C-1` is known to you. Check the id"),
        (["Why?", "-w", "refund", "--key", "{key}", "--release", "7"], "error: There is no release 7. The current release is 1."),
        (["Why?", "-w", "refund", "--key", "{key}", "--budget", "0"], "error: `token_budget`: "),
        (["Why?", "-w", "refund", "--key", "{key}", "-a", "region"], "error: `region` is no attribute. Write name=value"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_the_remedy(run: Run, key: str, arguments: list[str], said: str) -> None:
    done = run("ask", *(argument.format(key=key) for argument in arguments))
    assert done.exit_code == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


def test_doctor_finds_a_lost_index_and_reindex_mends_it(run: Run, key: str, folder: Path) -> None:
    well = run("doctor")
    assert well.exit_code == 0, well.stdout
    shutil.rmtree(folder / ".context" / "index")
    sick = run("doctor")
    assert (sick.exit_code, "`context-service reindex`" in " ".join(sick.stdout.split())) == (1, True)
    refused = run("ask", "Why?", "-w", "refund", "--key", key)
    assert refused.stderr == "error: The index does not hold the current release. Run `context-service reindex`.\n"
    assert run("reindex").exit_code == 0
    assert run("doctor").exit_code == 0
    assert run("ask", "How many days do I have to return a product?", "-w", "refund", "--key", key).exit_code == 0


def test_a_second_ingest_publishes_nothing(run: Run, key: str) -> None:
    done = run("ingest")
    assert done.exit_code == 0
    assert "Nothing changed; nothing was published." in done.stdout


def test_an_unknown_source_is_told_with_those_there_are(run: Run, key: str) -> None:
    done = run("ingest", "handbuch")
    assert (done.exit_code, done.stderr) == (1, "error: No source `handbuch` is declared. Use one of handbook.\n")
