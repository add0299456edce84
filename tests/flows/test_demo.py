"""The one command of the README, started twice as a newcomer does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from context_service.cli.demo import CUSTOMERS, QUESTION
from context_service.model.context import ContextReply

COMMAND = Path(sys.executable).with_name("context-service")
BOX = re.compile(r"[│╭╮╰╯─]")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A data folder and a port of the demo's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data = tmp_path_factory.mktemp("demo") / "data"
    return {**os.environ, "CONTEXT_DATA": str(data), "CONTEXT_PORT": port, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def first(environment: dict[str, str]) -> str:
    """What the first start says."""
    done = subprocess.run([COMMAND, "demo", "--exit"], env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def second(environment: dict[str, str], first: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """What the second start says until it serves, and its process."""
    before = _embedded(environment)
    with subprocess.Popen([COMMAND, "demo"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "The service is running" in line:
                break
        assert _embedded(environment) == before
        yield said, process
        if process.poll() is None:
            process.kill()


def test_it_shows_three_customers_answers_to_one_question(first: str) -> None:
    assert "Release 1 was published." in first
    words = " ".join(BOX.sub(" ", first).split())
    assert words.count(f"asks “{QUESTION}”") == len(CUSTOMERS)
    for _, who in CUSTOMERS:
        assert who in words
    for section in ("Told", "Decided between sources", "Set aside", "ask first"):
        assert section in words


def test_it_prints_the_addresses_and_the_keys(environment: dict[str, str], first: str) -> None:
    url = f"http://127.0.0.1:{environment['CONTEXT_PORT']}"
    for words in (f"{url}/docs", f"{url}/console", "Owner's key", "Agent's key", f"curl -s {url}/context"):
        assert words in first


def test_a_second_start_embeds_nothing_and_changes_nothing(first: str, second: tuple[str, subprocess.Popen[str]]) -> None:
    if _site(first) != _site(second[0]):
        pytest.skip("something else took the port of the demo's website between the two starts, so that its pages moved")
    assert "Release 1 stands: nothing has changed." in second[0]


def test_the_curl_line_it_prints_works(second: tuple[str, subprocess.Popen[str]]) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    line = next(line for line in second[0].splitlines() if line.startswith("curl "))
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert ContextReply.model_validate_json(done.stdout).items


def test_the_addresses_it_prints_answer(second: tuple[str, subprocess.Popen[str]]) -> None:
    for name in ("docs", "console"):
        address = next(word for word in second[0].split() if word.startswith("http") and word.endswith(f"/{name}"))
        assert httpx.get(address, follow_redirects=True, timeout=30).status_code == 200


def test_it_ends_at_ctrl_c(second: tuple[str, subprocess.Popen[str]]) -> None:
    _, process = second
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert process.stdout
    assert "Ending." in process.stdout.read()


def _embedded(environment: dict[str, str]) -> tuple[int, int]:
    """Vectors and chunks that are stored."""
    with closing(sqlite3.connect(Path(environment["CONTEXT_DATA"]) / "demo" / "records.db")) as connection:
        (counts,) = connection.execute("SELECT (SELECT count(*) FROM vectors), (SELECT count(*) FROM chunks)")
        return int(counts[0]), int(counts[1])


def _site(said: str) -> str:
    return next(word for word in said.split() if word.startswith("http"))
