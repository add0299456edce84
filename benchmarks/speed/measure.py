"""One size of the comparison: build, start, ask in turn, keep the figures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.speed.clients import Asked, at_once, one_after_another
from benchmarks.speed.corpus import SHARES, Corpus, Question, exact
from benchmarks.speed.figures import Result, recall, spread
from benchmarks.speed.protocol import Child, Failed, Request, TimeLimit
from context_service.embedding.protocol import Embedder
from context_service.embedding.weights import locate

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 10
"""Questions that one engine answers before the next one's turn."""

NEAREST, RETRIEVED = 10, 10
CLIENTS = 32
OWN = "ours"


@dataclass(frozen=True)
class Plan:
    """How a run is made. Limits are in seconds, for one engine at one size."""

    out: Path
    engines: Sequence[str]
    tiers: Sequence[str]
    questions: int
    crowd: int
    peers_python: Path
    build_limit: float
    ask_limit: float


class Turn(NamedTuple):
    """An engine's way of answering, and where it listens."""

    engine: str
    variant: str
    port: int


class Bench:
    """Measures all engines at one size."""

    def __init__(self, plan: Plan, corpus: Corpus, size: int, embedder: Embedder, console: Console) -> None:
        self._plan = plan
        self._corpus = corpus
        self._size = size
        self._embedder = embedder
        self._console = console
        self._asked = corpus.questions()
        self._results = {name: Result(name, size) for name in plan.engines}
        self._children: dict[str, Child] = {}
        self._turns: list[Turn] = []

    def run(self) -> list[Result]:
        """The figures of every engine; one that fails or takes too long says why in its result."""
        with ExitStack() as stack:
            environment = stack.enter_context(self._environment())
            for name in self._plan.engines:
                self._guarded(name, lambda name=name: self._prepare(name, environment, stack))
            for share in SHARES:
                self._retrieve(share)
            for name in list(self._children):
                self._guarded(name, lambda name=name: self._start(name))
            for share in SHARES:
                self._context(share)
            for share in SHARES:
                self._crowd(share)
            for name in list(self._children):
                self._guarded(name, lambda name=name: self._note_memory(name))
        return list(self._results.values())

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        located = locate("all-minilm-l6-v2")
        environment = {"BENCHMARK_MODEL": str(located.model), "BENCHMARK_TOKENIZER": str(located.tokenizer), "PYTHONPATH": str(ROOT)}
        if "haystack" not in self._plan.engines:
            yield environment
            return
        storage = self._plan.out / f"qdrant-{self._size}"
        with qdrant(self._plan.out, storage) as (url, number):
            yield {**environment, "BENCHMARK_QDRANT_URL": url, "BENCHMARK_QDRANT_PID": str(number)}

    def _guarded(self, name: str, work: Any) -> None:
        try:
            work()
        except (TimeLimit, Failed, RuntimeError, OSError) as failure:
            self._results[name].reason = str(failure)
            self._console.print(f"  [yellow]{name}[/]: left out from here on: {failure}")
            child = self._children.pop(name, None)
            if child:
                child.close()

    def _folder(self, name: str) -> Path:
        return self._plan.out / f"{name}-{self._size}"

    def _prepare(self, name: str, environment: Mapping[str, str], stack: ExitStack) -> None:
        folder, result = self._folder(name), self._results[name]
        done = folder / "built"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._console.print(f"  {name}: bringing in {self._size:,} chunks (limit {self._plan.build_limit:.0f} s)")
            with self._child(name, environment) as child:
                done.write_text(str(child.ask("build", self._plan.build_limit)))
        result.build_seconds, result.disk_mib = float(done.read_text()), _disk(folder, self._plan.out / f"qdrant-{self._size}", name)
        child = stack.enter_context(self._child(name, environment))
        child.ask("open", self._plan.ask_limit)
        child.ask("retrieve", self._plan.ask_limit, questions=[0], limit=RETRIEVED)
        result.cold_start_seconds = time.perf_counter() - child.started
        self._children[name] = child
        self._console.print(
            f"  {name}: built in {result.build_seconds:.0f} s, first answer {result.cold_start_seconds:.1f} s after its start"
        )

    def _child(self, name: str, environment: Mapping[str, str]) -> Child:
        python = sys.executable if name == OWN else str(self._plan.peers_python)
        command = [python, "-m", "benchmarks.speed.child", name, str(self._corpus.folder.resolve()), str(self._folder(name).resolve())]
        return Child(command, environment, self._plan.out / f"{name}.log")

    def _numbers(self, share: str) -> list[int]:
        return [number for number, question in enumerate(self._asked) if question.share == share][: self._plan.questions]

    def _retrieve(self, share: str) -> None:
        """Every engine answers a block of questions, then the next one the same block."""
        took: dict[str, list[float]] = {name: [] for name in self._children}
        returned: dict[str, list[int]] = {name: [] for name in self._children}
        recalled: dict[str, list[float]] = {name: [] for name in self._children}
        for block in blocks(self._numbers(share)):
            truth = [self._exact(self._asked[number]) for number in block]
            for name in list(self._children):
                self._guarded(name, lambda name=name: self._block(name, block, truth, took, returned, recalled))  # noqa: B023
        for name in took:
            if took[name]:
                result = self._results[name]
                result.retrieval[share] = spread(took[name])
                result.recall[share] = sum(recalled[name]) / len(recalled[name])
                result.returned[share] = sum(returned[name]) / len(returned[name])
        if OWN in self._children:
            self._floor(share)

    def _block(
        self,
        name: str,
        block: Sequence[int],
        truth: Sequence[Sequence[str]],
        took: dict[str, list[float]],
        returned: dict[str, list[int]],
        recalled: dict[str, list[float]],
    ) -> None:
        child, limit = self._children[name], self._plan.ask_limit
        if not took[name]:
            child.ask("retrieve", limit, questions=block[:3], limit=RETRIEVED)
        for milliseconds, found in child.ask("retrieve", limit, questions=block, limit=RETRIEVED):
            took[name].append(milliseconds)
            returned[name].append(len(found))
        nearest = child.ask("nearest", limit, questions=block, limit=NEAREST)
        recalled[name] += [recall(found, right) for found, right in zip(nearest, truth, strict=True)]

    def _exact(self, question: Question) -> list[str]:
        return exact(self._corpus, question, self._embedder.embed_query(question.text), NEAREST)

    def _floor(self, share: str) -> None:
        """What no service can go below: the model's pass over the question, and the index's own search."""
        pairs = self._children[OWN].ask("floor", self._plan.ask_limit, questions=self._numbers(share))
        embedded, searched = zip(*pairs, strict=True)
        self._results[OWN].floor |= {f"embed {share}": spread(embedded), f"search {share}": spread(searched)}

    def _start(self, name: str) -> None:
        child, port = self._children[name], _free_port()
        child.ask("serve", self._plan.ask_limit, port=port)
        variants = [one for one in child.ask("variants", self._plan.ask_limit) if name != OWN or one in self._plan.tiers]
        self._turns += [Turn(name, variant, port) for variant in variants]

    def _context(self, share: str) -> None:
        """One client asks each engine, in each way it answers, a block of questions; then it is the next one's turn."""
        took: dict[Turn, Asked] = {turn: Asked() for turn in self._turns}
        for block in blocks(self._numbers(share)):
            for turn in self._standing():
                self._guarded(turn.engine, lambda turn=turn: self._ask_block(turn, block, took[turn]))  # noqa: B023
        for turn in self._standing():
            result, key, asked = self._results[turn.engine], f"{turn.variant} {share}", took[turn]
            result.context[key] = spread(asked.milliseconds)
            result.ran[key] = dict(Counter(ran(reply) for reply in asked.replies))
            _note_stages(result, key, asked.milliseconds, asked.replies)
            self._console.print(f"  {turn.engine} {key}: /context p95 {result.context[key].p95:.1f} ms")

    def _ask_block(self, turn: Turn, block: Sequence[int], asked: Asked) -> None:
        if not asked.replies:
            one_after_another(turn.port, self._requests(turn, block[:3]), Asked())
        one_after_another(turn.port, self._requests(turn, block), asked)

    def _crowd(self, share: str) -> None:
        """Many clients ask one engine at a time."""
        numbers = self._numbers(share)
        for turn in self._standing():
            self._guarded(turn.engine, lambda turn=turn: self._ask_crowd(turn, numbers, f"{turn.variant} {share}"))

    def _ask_crowd(self, turn: Turn, numbers: Sequence[int], key: str) -> None:
        result, requests = self._results[turn.engine], self._requests(turn, numbers)
        crowd = at_once(turn.port, [requests[place % len(requests)] for place in range(self._plan.crowd)], CLIENTS)
        result.crowd[key], result.refused[key] = spread(crowd.milliseconds), crowd.refused
        result.per_second[key] = len(crowd.milliseconds) / crowd.seconds
        self._console.print(f"  {turn.engine} {key}: {result.per_second[key]:.0f} answers per second to {CLIENTS} clients")

    def _requests(self, turn: Turn, numbers: Sequence[int]) -> list[Request]:
        requests: list[Request] = self._children[turn.engine].ask(
            "requests", self._plan.ask_limit, variant=turn.variant, questions=list(numbers)
        )
        return requests

    def _standing(self) -> list[Turn]:
        return [turn for turn in self._turns if turn.engine in self._children]

    def _note_memory(self, name: str) -> None:
        self._results[name].memory_mib = self._children[name].ask("memory", self._plan.ask_limit)["resident"]


def blocks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Turns of BLOCK questions."""
    for start in range(0, len(numbers), BLOCK):
        yield numbers[start : start + BLOCK]


def ran(reply: Mapping[str, Any]) -> str:
    """The tier of reranking that an answer says it had."""
    ranking = reply.get("ranking") or {}
    return str(ranking.get("tier", "none"))


def _note_stages(result: Result, key: str, milliseconds: Sequence[float], replies: Sequence[Mapping[str, Any]]) -> None:
    """Where the time went, for a service that says so; its overhead is all but the models' and the index's own."""
    if not replies or "usage" not in replies[0]:
        return
    told = [reply["usage"]["milliseconds"] for reply in replies]
    result.stages[key] = {stage: spread([one.get(stage, 0.0) for one in told]) for stage in told[0]}
    own = ("embed", "search", "rerank")
    result.overhead[key] = spread([took - sum(one.get(stage, 0.0) for stage in own) for took, one in zip(milliseconds, told, strict=True)])


def _disk(folder: Path, storage: Path, name: str) -> float:
    folders = [folder, storage] if name == "haystack" else [folder]
    files = (path for one in folders for path in one.rglob("*") if path.is_file())
    return sum(path.stat().st_blocks * 512 for path in files) / 1024 / 1024


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def qdrant(out: Path, storage: Path) -> Iterator[tuple[str, int]]:
    """A Qdrant server on a folder of its own, by the script that the tests use; its URL and process."""
    with tempfile.TemporaryDirectory() as temporary:
        noted = Path(temporary) / "pid"
        environment = {"CONTEXT_TEST_CACHE": str(out.resolve() / "cache"), **os.environ, "CONTEXT_TEST_QDRANT_DATA": str(storage.resolve())}
        started = subprocess.run(
            ["bash", str(ROOT / ".ci" / "qdrant.sh"), str(noted)], capture_output=True, text=True, env=environment, check=False
        )
        if started.returncode:
            raise RuntimeError(f"no Qdrant server: {started.stderr.strip()[-300:]}")
        number = int(noted.read_text())
        try:
            yield started.stdout.strip(), number
        finally:
            os.kill(number, 15)
