"""Killed at any moment of a sync, a publish, a rollback or the retention, readers see one whole release, and the work is finished later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from context_service.audit.chain import verify
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import SearchFilter
from context_service.model.audit import Action
from context_service.model.document import Version
from context_service.model.release import View
from context_service.records.sql import open_records
from tests.contract.records_values import database
from tests.fakes import FakeEmbedder
from tests.flows.small import SmallCompany

KILLS = {"sqlite-file": 120, "postgres": 80}

NAMES = ("kettle", "lamp", "heater", "router", "scale")
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)

Texts = dict[str, str]


class Runner:
    """The process of `release_runner.py`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.flows.release_runner"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._took: dict[str, float] = defaultdict(lambda: 0.2)

    def finish(self, url: str, operation: str, folder: Path) -> None:
        """Let it run to its end."""
        self._start(url, operation, folder)
        begun = time.monotonic()
        assert self._ended() == 0, operation
        self._took[operation[:4]] = time.monotonic() - begun

    def kill(self, url: str, operation: str, folder: Path, chance: Random) -> bool:
        """Kill it at a random moment of the time it took last; False when it had ended by then."""
        pid = self._start(url, operation, folder)
        time.sleep(chance.uniform(0, self._took[operation[:4]]))
        os.kill(pid, signal.SIGKILL)
        return self._ended() == signal.SIGKILL

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _start(self, url: str, operation: str, folder: Path) -> int:
        self._say(f"{url} {operation} {folder}")
        return int(self._hear("started"))

    def _ended(self) -> int:
        status = int(self._hear("ended"))
        self._say("")
        return status

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self, word: str) -> str:
        assert self._process.stdout
        return next(line for line in self._process.stdout if line.startswith(word)).split()[1]


class Watched:
    """A company whose releases are remembered as they were first seen."""

    def __init__(self, company: SmallCompany, url: str) -> None:
        self.company = company
        self.url = url
        self.records = open_records(url)
        self.embedder = FakeEmbedder()
        self.index = open_embedded_index(company.folder / "index", self.embedder.dimension)
        self.seen: dict[int, Texts] = {}
        self.possible: list[Texts] = []

    def close(self) -> None:
        """Release stores."""
        self.index.close()
        self.records.close()

    @property
    def standing(self) -> Texts:
        """What is read now."""
        return self.texts(self.records.head())

    def texts(self, number: int, known: dict[str, Version | None] | None = None) -> Texts:
        """What a release or draft says, by key. `known` are versions that were read just now."""
        known = {} if known is None else known
        states = self.records.revisions_in(number)
        for name in {state.version for state in states} - known.keys():
            known[name] = self.records.version(name)
        versions = {state.key: known[state.version] for state in states}
        return {key: _plain(version.text) for key, version in versions.items() if version}

    def look(self) -> None:
        """Every release that is kept reads, in records and index, as it did when it was first seen: as some whole state."""
        known: dict[str, Version | None] = {}
        labels = frozenset(rule.label for rule in self.records.rules())
        facets = frozenset(facet.key for facet in self.records.facets())
        chunks = list(self.records.chunk_ranges())
        for release in self.records.releases():
            if release.retired_at:
                self.seen.pop(release.number, None)
                continue
            texts = self.texts(release.number, known)
            assert self.seen.setdefault(release.number, texts) == texts
            assert texts in self.possible, f"release {release.number} is no whole state"
            read = View(base=release.number)
            where = SearchFilter(labels, facets, release.number, None)
            indexed = {hit.chunk for hit in self.index.dense(self.embedder.embed_query("price"), where, 1000)}
            assert indexed == {chunk.chunk for chunk in chunks if read.holds(chunk.added_in, chunk.removed_in)}

    def settled(self) -> None:
        """Nothing was done twice, and what is remembered of the source is read next or waits."""
        log = self.records.audit_records(limit=100_000)
        assert verify(log).intact == len(log)
        published = [record.entry.subject for record in log if record.entry.action in (Action.RELEASE_PUBLISHED, Action.RELEASE_RESTORED)]
        assert published == [f"release:{release.number}" for release in self.records.releases()]
        drafts = self.records.drafts()
        assert len(drafts) <= 1
        standing = self.texts(drafts[0].number if drafts else self.records.head())
        marks = {key for key, mark in self.records.marks("notes").items() if mark.governance_hash}
        assert marks <= standing.keys()
        assert {key: text for key, text in _folder(self.company).items() if key in marks}.items() <= standing.items()


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    started = Runner()
    yield started
    started.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: what is killed is the process, not the machine, and nothing waits for a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.timeout(1200)  # two hundred processes are started and killed, on whatever machine this is
@pytest.mark.parametrize("backend", ["sqlite-file", POSTGRES])
def test_killed_at_any_moment_readers_see_one_whole_release_and_the_work_is_finished(folder: Path, runner: Runner, backend: str) -> None:
    chance, killed = Random(20261120), Counter[str]()  # noqa: S311 - moments, not secrets
    with database(backend, folder) as url:
        company = SmallCompany.write(folder / "company", _state(0))
        watched = Watched(company, url)
        watched.possible.append(_folder(company))
        runner.finish(url, "ingest", company.folder)
        watched.look()
        for round_number in range(1, 10_000):
            _change(company, round_number)
            watched.possible.append(_folder(company))
            for operation in _operations(watched, chance):
                _with_kills(runner, watched, operation, chance, killed)
            assert watched.standing == _folder(company), "no work is lost"
            if killed.total() >= KILLS[backend]:
                break
        watched.close()
    assert {"ingest", "rollback", "restoring", "publish", "retain"} <= set(killed), killed


def _operations(watched: Watched, chance: Random) -> Iterator[str]:
    """A sync that publishes itself, a rollback, the sync after it, which waits, its publication by a person, and the retention."""
    yield "ingest"
    kept = sorted(watched.seen.keys() - {watched.records.head()})
    if kept:
        yield f"rollback-{chance.choice(kept)}"
        yield "ingest"
        yield "publish"
    yield "retain"


def _with_kills(runner: Runner, watched: Watched, operation: str, chance: Random, killed: Counter[str]) -> None:
    folder = watched.company.folder
    for _ in range(chance.choice((2, 3))):
        if not runner.kill(watched.url, operation, folder, chance):
            break
        killed["restoring" if watched.records.traffic().restoring else operation.partition("-")[0]] += 1
        watched.look()
        operation = _left(watched, operation)
    runner.finish(watched.url, operation, folder)
    watched.look()
    watched.settled()


def _left(watched: Watched, operation: str) -> str:
    """What finishes a killed operation: it again, but for a rollback whose pointer has moved."""
    moved = watched.records.traffic().restoring or watched.records.releases()[-1].restores
    return "restore" if operation.startswith("rollback") and moved else operation


def _state(number: int) -> dict[str, str]:
    chance = Random(number)  # noqa: S311 - texts, not secrets
    names = NAMES if number == 0 else chance.sample(NAMES, 2)
    return {name: f"# The {name}\nThe {name} costs EUR {10 + number}. It is delivered within {number} working days." for name in names}


def _change(company: SmallCompany, number: int) -> None:
    """Two texts change; every other time one is there that was not, and is gone the next."""
    sometimes = company.texts / "sometimes.txt"
    company.change(_state(number))
    if sometimes.exists():
        company.change({"sometimes": None})
    else:
        company.change({"sometimes": f"# Sometimes\nThis is said in state {number}."})


def _folder(company: SmallCompany) -> Texts:
    return {path.name: _plain(path.read_text()) for path in sorted(company.texts.iterdir())}


def _plain(text: str) -> str:
    return " ".join(text.replace("# ", "").split())
