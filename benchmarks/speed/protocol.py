"""What an engine of the comparison does, and how it is asked: a process of its own, one JSON object a line each way.

An engine has its process to itself, so that its memory is its own. Questions are named by their number in the corpus.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

MIB = 1024 * 1024
Request = tuple[str, dict[str, str], dict[str, object]]
"""Path, headers and JSON body of a POST."""


class Engine(Protocol):
    """One way to answer over a corpus, in a folder of its own."""

    def build(self) -> None:
        """Bring the corpus into the folder, or to the engine's server."""
        ...

    def open(self) -> None:
        """Make everything ready that a first question needs."""
        ...

    def retrieve(self, question: int, limit: int) -> list[str]:
        """The best chunks by words and by meaning under the question's filter, best first; embeds the question."""
        ...

    def nearest(self, question: int, limit: int) -> list[str]:
        """The same by meaning alone."""
        ...

    def variants(self) -> list[str]:
        """The ways in which it answers over HTTP."""
        ...

    def serve(self, port: int) -> None:
        """Answer over HTTP from now on, in threads of this process."""
        ...

    def request(self, question: int, variant: str) -> Request:
        """How the question is asked over HTTP."""
        ...

    def processes(self) -> list[int]:
        """Other processes that work for this engine."""
        ...


class TimeLimit(Exception):
    """An engine did not answer in time."""


class Failed(Exception):
    """An engine failed; the message says how."""


def answer(engine: Engine, line: Mapping[str, Any]) -> Any:
    """Do what one line asks of an engine."""
    questions: Sequence[int] = line.get("questions", ())
    match line["do"]:
        case "build":
            return timed(engine.build)
        case "open":
            return timed(engine.open)
        case "retrieve":
            return [timed_result(lambda number=number: engine.retrieve(number, line["limit"])) for number in questions]  # type: ignore[misc]
        case "nearest":
            return [engine.nearest(number, line["limit"]) for number in questions]
        case "floor":
            return [getattr(engine, "floor")(number) for number in questions]  # noqa: B009 - only this service has one
        case "variants":
            return engine.variants()
        case "serve":
            return timed(lambda: engine.serve(line["port"]))
        case "requests":
            return [engine.request(number, line["variant"]) for number in questions]
        case "memory":
            return memory(engine.processes())
    raise ValueError(f"nobody knows how to {line['do']}")


def timed(work: Callable[[], None]) -> float:
    """Seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def timed_result(work: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Milliseconds that `work` takes, and what it returns."""
    begun = time.perf_counter()
    result = work()
    return 1000 * (time.perf_counter() - begun), result


def memory(others: Sequence[int]) -> dict[str, float]:
    """MiB resident now in this process and those others, and the most that this one ever had."""
    resident = sum(psutil.Process(number).memory_info().rss for number in (os.getpid(), *others))
    return {"resident": resident / MIB, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def serve_lines(engine: Engine) -> None:
    """The child's side: answer lines until the parent goes. What libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        for line in sys.stdin:
            try:
                reply = {"ok": answer(engine, json.loads(line))}
            except Exception as error:  # noqa: BLE001 - whatever a library raises, the parent is told
                reply = {"error": f"{type(error).__name__}: {error}"[:500]}
            out.write(json.dumps(reply) + "\n")
            out.flush()


@dataclass
class Child:
    """The parent's side of an engine's process. Use as a context manager."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    started: float = field(default_factory=time.perf_counter)

    def __enter__(self) -> Child:
        self.started = time.perf_counter()
        self._log = self.log.open("ab")
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env={**os.environ, **self.environment}
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; once more does nothing."""
        if self._log.closed:
            return
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, do: str, seconds: float, **arguments: object) -> Any:
        """The reply. Raises TimeLimit after `seconds`, Failed when the engine fails or dies."""
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None
        assert pipes[1] is not None
        pipes[0].write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        pipes[0].flush()
        with selectors.DefaultSelector() as selector:
            selector.register(pipes[1], selectors.EVENT_READ)
            if not selector.select(seconds):
                raise TimeLimit(f"`{do}` took longer than {seconds:.0f} s")
        line = pipes[1].readline()
        if not line:
            raise Failed(f"the process ended during `{do}` (exit {self._process.wait()}); see {self.log}")
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(f"`{do}`: {reply['error']}")
        return reply["ok"]
