"""An ingest that is killed at any moment changes nothing, or everything; the next one finishes its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pytest

from context_service.model.context import ContextReply
from tests.flows import corpora
from tests.flows.small import SmallCompany, ask

KILLS = 50
AT_A_STAGE = 0.04
"""Seconds after a stage was reached within which a kill falls."""

Replies = dict[str, ContextReply]


@dataclass(frozen=True)
class Moment:
    """When to kill: seconds after the ingest says that it has come so far."""

    reached: str
    seconds: float


class Runner:
    """The process of `crash_runner.py`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.flows.crash_runner"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, company: SmallCompany) -> int:
        """Begin an ingest; returns the number of its process."""
        self._say(str(company.folder))
        return int(self._hear("started").split()[1])

    def ended(self) -> int:
        """Wait for the end; returns the exit status, or the signal that killed it."""
        return self._status(self._hear("ended"))

    def finish(self, company: SmallCompany) -> float:
        """Let an ingest run to its end; returns the seconds it took."""
        self.start(company)
        begun = time.monotonic()
        assert self.ended() == 0
        return time.monotonic() - begun

    def kill(self, company: SmallCompany, moment: Moment) -> bool:
        """Kill an ingest at that moment; False when it had ended by then, or had nothing to do at that stage."""
        pid = self.start(company)
        heard = self._hear(moment.reached, "ended") if moment.reached != "started" else "started"
        if heard.startswith("ended"):
            return self._status(heard) == signal.SIGKILL
        time.sleep(moment.seconds)
        os.kill(pid, signal.SIGKILL)
        return self.ended() == signal.SIGKILL

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self, *words: str) -> str:
        assert self._process.stdout
        return next(line for line in self._process.stdout if line.startswith(words))

    def _status(self, heard: str) -> int:
        self._say("")
        return int(heard.split()[1])


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    started = Runner()
    yield started
    started.close()


@pytest.fixture
def changed(tmp_path: Path, runner: Runner) -> SmallCompany:
    """A company with a published release, and changed since."""
    company = SmallCompany.write(tmp_path / "template", corpora.before())
    runner.finish(company)
    company.change(corpora.after())
    return company


@pytest.mark.timeout(1200)  # fifty processes are started and killed, on whatever machine this is
def test_killed_at_any_moment_it_answers_as_before_or_as_after(tmp_path: Path, runner: Runner, changed: SmallCompany) -> None:
    before = _replies(changed)
    whole = changed.copied(tmp_path / "whole")
    duration = runner.finish(whole)
    after = _replies(whole)
    assert all(before[question] != after[question] for question in ("What does the kettle cost?", "How is the router returned?"))
    chance, killed = Random(20261120), Counter[str]()  # noqa: S311 - moments, not secrets
    company = changed.copied(tmp_path / "0")
    for number, moment in enumerate(_moments(chance, duration)):
        if not runner.kill(company, moment):
            company = changed.copied(tmp_path / f"{number}-late")
            continue
        killed[moment.reached] += 1
        replies = _replies(company)
        assert replies in (before, after), f"killed {moment}: {_between(replies, before, after)}"
        if killed.total() == KILLS:
            break
        # Half of the time the next kill falls on what this one left behind.
        if replies == after or chance.random() < 0.5:
            runner.finish(company)
            assert _replies(company) == after, f"finished after a kill {moment}"
            company = changed.copied(tmp_path / f"{number}-next")
    runner.finish(company)
    assert _replies(company) == after
    assert set(killed) == {"started", "synced", "Indexing", "Comparing"}, killed


def test_a_reader_beside_an_ingest_sees_one_release_or_the_other(runner: Runner, tmp_path: Path, changed: SmallCompany) -> None:
    whole = changed.copied(tmp_path / "whole")
    before = _replies(changed)
    runner.finish(whole)
    after = _replies(whole)
    runner.start(changed)
    releases = Counter[int]()
    with changed.open() as app:
        while app.records.head() == 1 or releases[2] < len(corpora.QUESTIONS):
            for question in corpora.QUESTIONS:
                reply = _plain(ask(app, question))
                assert reply == (before if reply.release == 1 else after)[question]
                releases[reply.release] += 1
    assert runner.ended() == 0
    assert releases[1]


def test_no_parser_outlives_a_killed_ingest(runner: Runner, changed: SmallCompany) -> None:
    ingest = psutil.Process(runner.start(changed))
    while not (orphans := ingest.children()):
        time.sleep(0.01)
    ingest.kill()
    assert runner.ended() == signal.SIGKILL
    _, alive = psutil.wait_procs(orphans, timeout=30)
    assert not alive


def _moments(chance: Random, duration: float) -> Iterator[Moment]:
    """Of five moments, two lie anywhere in the ingest, one of them in its later half, and three shortly after a stage was reached."""
    while True:
        yield Moment("started", chance.uniform(0, duration))
        yield Moment("started", chance.uniform(duration / 2, duration))
        for stage in ("synced", "Indexing", "Comparing"):
            yield Moment(stage, chance.uniform(0, AT_A_STAGE))


def _replies(company: SmallCompany) -> Replies:
    with company.open() as app:
        return {question: _plain(ask(app, question)) for question in corpora.QUESTIONS}


def _plain(reply: ContextReply) -> ContextReply:
    """The reply without what no two computations share: its own id, times, and the random names of the syncs that brought the texts."""
    items = tuple(item.model_copy(update={"lineage": item.lineage.model_copy(update={"sync_run": ""})}) for item in reply.items)
    usage = reply.usage.model_copy(update={"milliseconds": {}})
    return reply.model_copy(update={"context_id": "", "items": items, "usage": usage})


def _between(replies: Replies, before: Replies, after: Replies) -> str:
    return "\n".join(
        f"{question}\n  got    {reply}\n  before {before[question]}\n  after  {after[question]}"
        for question, reply in replies.items()
        if reply not in (before[question], after[question])
    )
