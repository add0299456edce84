"""A parser that hangs, crashes or eats memory costs one item."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from context_service.errors import SourceError, TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Limits
from context_service.ingest.parsing import ParserPool
from context_service.ingest.progress import Silent
from context_service.model.document import Content, OutcomeKind, RunState
from tests.flows.small import SmallCompany, ask, documents

IMPATIENT = Limits(parse_seconds=1)
FAULTS = {
    "!hang": "did not finish within 1 s",
    "!crash": "crashed on this file",
    "!memory": "ran out of memory",
    "!fault": "cannot be read (KeyError)",
    "!unreadable": "invisible ink",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(IMPATIENT, workers=1) as opened:
        yield opened


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_what_a_parser_does_wrong_is_a_terminal_error_and_the_next_item_is_parsed(pool: ParserPool, fault: str, reason: str) -> None:
    with pytest.raises(TerminalSourceError) as caught:
        pool.submit("notes", _content(fault)).result()
    assert reason in str(caught.value)
    assert caught.value.remedy
    assert pool.submit("notes", _content("# Well\nAll is well.")).result().elements[1].text == "All is well."


def test_what_a_parser_calls_transient_stays_so(pool: ParserPool) -> None:
    with pytest.raises(TransientSourceError, match="reader is busy"):
        pool.submit("notes", _content("!busy")).result()


def test_items_come_back_as_they_were_handed_in() -> None:
    with ParserPool(Limits(), workers=2) as pool:
        parses = [pool.submit("notes", _content(f"# Item {number}")) for number in range(20)]
        assert [parse.result().elements[0].text for parse in parses] == [f"Item {number}" for number in range(20)]


def test_a_kind_that_is_not_installed_is_an_error_with_a_remedy() -> None:
    with ParserPool(Limits(), workers=1) as pool, pytest.raises(SourceError):
        pool.submit("no-such-kind", _content("text")).result()


def test_a_hanging_parser_ends_by_itself_where_nobody_is_left_to_kill_it() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "context_service.ingest.parsing", str(theirs.fileno())]
        nursery = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    mine, its = socket.socketpair()
    with ours, its:
        socket.send_fds(ours, [b"notes"], [its.fileno()])
        assert ours.recv(1)
    with Connection(mine.detach()) as pipe:
        parser = psutil.Process(pipe.recv())
        pipe.send(IMPATIENT)
        pipe.send(("notes", None))
        pipe.recv()
        pipe.send(("notes", _content("!hang").model_dump(mode="python")))
    begun = time.monotonic()
    assert nursery.wait(timeout=30) == 0
    parser.wait(timeout=30)
    assert time.monotonic() - begun < 20


def test_what_parsers_are_forked_from_is_replaced_when_it_dies() -> None:
    with ParserPool(Limits(), workers=1) as pool:
        assert pool.submit("notes", _content("# One")).result()
    mine = psutil.Process()
    nurseries = [child for child in mine.children() if "context_service.ingest.parsing" in child.cmdline()]
    assert len(nurseries) == 1
    nurseries[0].kill()
    with ParserPool(Limits(), workers=1) as pool:
        assert pool.submit("notes", _content("# Two")).result().elements[0].text == "Two"


def test_the_sync_goes_on_around_items_that_break_the_parser(tmp_path: Path) -> None:
    texts = {f"1{number}-bad": fault for number, fault in enumerate(FAULTS)}
    company = SmallCompany.write(
        tmp_path / "company", texts | {"00-lamp": "# Lamps\nThe lamp is green.", "99-hub": "# Hubs\nThe hub is painted red."}
    )
    with company.open() as app:
        report = app.ingest([], "test", Silent(), IMPATIENT)
        assert report.runs[0].state is RunState.SUCCEEDED
        assert report.runs[0].counts == {"new": 2, "failed_terminal": len(FAULTS)}
        outcomes = {outcome.key: outcome for outcome in app.records.outcomes(report.runs[0].id)}
        for number, reason in enumerate(FAULTS.values()):
            failed = outcomes[f"1{number}-bad.txt"]
            assert failed.kind is OutcomeKind.FAILED_TERMINAL
            assert reason in (failed.reason or "")
        assert documents(ask(app, "Is the hub painted red?"))[0] == "notes:99-hub.txt"


def _content(text: str) -> Content:
    return Content(key="a.txt", raw=text.encode(), media_type="text/plain", url="a.txt", fingerprint="1")
