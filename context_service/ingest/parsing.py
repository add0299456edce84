"""Parsing in processes of their own: a parser that hangs, crashes or eats memory costs one item, not the sync.

The libraries take seconds to load. So one process loads them, and every parser process is forked from it, at once and sharing its memory.
It is a process of its own, since the service has threads and cannot be forked itself.
"""

from __future__ import annotations

import atexit
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from context_service.errors import SourceError, TerminalSourceError
from context_service.ingest.connector import Connector, Limits
from context_service.ingest.plugins import connector_kind
from context_service.model.document import Content, Parsed

MEMORY_BYTES = 6 * 1024**3
"""Address space a parser process may take, in bytes."""

START_SECONDS = 120.0
"""Longest time a new parser process may take to load its libraries, in seconds."""


class ParserPool:
    """Parses items side by side, each in its own process. Close it, or use it as a context manager."""

    def __init__(self, limits: Limits, workers: int = 2) -> None:
        self._limits = limits
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="parse")
        self._mine = threading.local()
        self._all: list[_Worker] = []

    def submit(self, kind: str, content: Content) -> Future[Parsed]:
        """Parse with the connector of `kind`. The future raises SourceError; a parser's own fault becomes a TerminalSourceError."""
        return self._threads.submit(self._parse, kind, content)

    def warm(self, kinds: Iterable[str]) -> None:
        """Let the processes load the libraries of these kinds now; returns at once."""
        for kind in sorted(kinds):
            for _ in range(self._workers):
                self._threads.submit(self._load, kind)

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            worker.stop()

    def __enter__(self) -> ParserPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _parse(self, kind: str, content: Content) -> Parsed:
        return self._worker().parse(kind, content)

    def _load(self, kind: str) -> None:
        with suppress(SourceError, OSError, EOFError):  # whoever parses hears of it
            self._worker().load(kind)

    def _worker(self) -> _Worker:
        if not hasattr(self._mine, "worker"):
            self._mine.worker = _Worker(self._limits)
            self._all.append(self._mine.worker)
        worker: _Worker = self._mine.worker
        return worker


class _Worker:
    """One parser process, started when needed and replaced when it had to be killed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: int | None = None
        self._pipe: Connection | None = None

    def parse(self, kind: str, content: Content) -> Parsed:
        try:
            pipe = self.load(kind)
            pipe.send((kind, content.model_dump(mode="python")))
            if not pipe.poll(self._limits.parse_seconds):
                self._kill()
                seconds = f"{self._limits.parse_seconds:g}"
                raise TerminalSourceError(f"The parser did not finish within {seconds} s.", remedy="Split or simplify the file.")
            reply = pipe.recv()
        except (EOFError, OSError):
            self.stop()
            raise TerminalSourceError("The parser crashed on this file.", remedy="Save the file anew, or take it out.") from None
        if isinstance(reply, SourceError):
            raise reply
        return Parsed.model_validate(reply)

    def stop(self) -> None:
        """The process ends when its pipe does."""
        if self._pipe:
            self._pipe.close()
        self._pipe = None

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
        self.stop()

    def load(self, kind: str) -> Connection:
        """The pipe to a process that has loaded the libraries for `kind`, which is not part of any item's own time."""
        pipe = self._pipe or self._start(kind)
        pipe.send((kind, None))
        if not pipe.poll(START_SECONDS):
            self.stop()
            raise TerminalSourceError("The parser process did not start.", remedy="Run `context-service doctor`.")
        pipe.recv()
        return pipe

    def _start(self, kind: str) -> Connection:
        self._pipe = pipe = _NURSERY.fork(kind)
        self._process = pipe.recv()
        pipe.send(self._limits)
        return pipe


class _Nursery:
    """The process that parser processes are forked from. It is started when needed, and ends with the service, however that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._door: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_for: tuple[int, str | None] | None = None
        atexit.register(self.close)

    def fork(self, kind: str) -> Connection:
        """The pipe to a new parser process that has loaded `kind`, if that can be loaded. Raises OSError when none can be started."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                self._hand(theirs, kind)
            except OSError:
                self.close()  # it may have died since; a new one is started once
                self._hand(theirs, kind)
        return Connection(ours.detach())

    def close(self) -> None:
        """End it; the parser processes go on until their pipes are closed."""
        if self._door:
            self._door.close()
        if self._process and self._started_for and self._started_for[0] == os.getpid():
            self._process.kill()
            self._process.wait()
        self._door = self._process = None

    def _hand(self, pipe: socket.socket, kind: str) -> None:
        door = self._opened()
        socket.send_fds(door, [kind.encode()], [pipe.fileno()])
        if not door.recv(1):
            raise OSError("no parser process was forked")

    def _opened(self) -> socket.socket:
        """The way to it. What it may load is decided by the path; what was forked from the service needs one of its own."""
        wanted = os.getpid(), os.environ.get("PYTHONPATH")
        if self._door is None or self._started_for != wanted:
            self.close()
            self._door, theirs = socket.socketpair()
            self._door.settimeout(START_SECONDS)
            with theirs:
                command = [sys.executable, "-m", "context_service.ingest.parsing", str(theirs.fileno())]
                environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # what has threads cannot be forked
                self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment)  # noqa: S603
            self._started_for = wanted
        return self._door


_NURSERY = _Nursery()


def nurse(door: socket.socket) -> None:
    """That process: fork one that serves each pipe that comes through the door, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this decides when it ends
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is forked here
    while True:
        kind, pipes, _, _ = socket.recv_fds(door, 255, 1)
        if not pipes:
            return
        _preload(kind.decode())
        if os.fork() == 0:
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                serve(Connection(pipes[0]))
            finally:
                os._exit(0)
        os.close(pipes[0])
        door.send(b"1")


def _preload(kind: str) -> None:
    with suppress(Exception):  # it fails again where it is told
        load = getattr(connector_kind(kind), "load", None)
        if load:
            load()


def serve(pipe: Connection) -> None:
    """The parser process: tell its id, then answer each (kind, content) with a Parsed's fields or a SourceError until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(EOFError, ConnectionError):
        pipe.send(os.getpid())
        limits: Limits = pipe.recv()
        while True:
            kind, content = pipe.recv()
            connector = connector_kind(kind)
            pipe.send(True if content is None else _parsed_in_time(connector, Content.model_validate(content), limits))


def _parsed_in_time(connector: type[Connector], content: Content, limits: Limits) -> dict[str, Any] | SourceError:
    # Who started this process kills it when the time is over. Where that one was killed itself, the system has to.
    signal.alarm(math.ceil(limits.parse_seconds) + 1)
    try:
        return _try(connector.parse, content, limits)
    finally:
        signal.alarm(0)


def _try(parse: Callable[[Content, Limits], Parsed], content: Content, limits: Limits) -> dict[str, Any] | SourceError:
    try:
        return parse(content, limits).model_dump(mode="python")
    except SourceError as error:
        return error
    except MemoryError:
        return TerminalSourceError("The parser ran out of memory on this file.", remedy="Split the file.")
    except Exception as error:  # noqa: BLE001 - a parser may fail in any way on a broken file; the sync goes on
        return TerminalSourceError(f"The file cannot be read ({type(error).__name__}).", remedy="Save the file anew, or take it out.")


if __name__ == "__main__":
    nurse(socket.socket(fileno=int(sys.argv[1])))
