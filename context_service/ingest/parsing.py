"""Parsing in processes of their own: a parser that hangs, crashes or eats memory costs one item, not the sync."""

from __future__ import annotations

import math
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
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
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="parse")
        self._mine = threading.local()
        self._all: list[_Worker] = []

    def submit(self, kind: str, content: Content) -> Future[Parsed]:
        """Parse with the connector of `kind`. The future raises SourceError; a parser's own fault becomes a TerminalSourceError."""
        return self._threads.submit(self._parse, kind, content)

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
        if not hasattr(self._mine, "worker"):
            self._mine.worker = _Worker(self._limits)
            self._all.append(self._mine.worker)
        worker: _Worker = self._mine.worker
        return worker.parse(kind, content)


class _Worker:
    """One parser process, started when needed and replaced when it had to be killed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def parse(self, kind: str, content: Content) -> Parsed:
        try:
            pipe = self._ready(kind)
            pipe.send((kind, content.model_dump(mode="python")))
            if not pipe.poll(self._limits.parse_seconds):
                self.stop()
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
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._pipe:
            self._pipe.close()
        self._process = self._pipe = None

    def _ready(self, kind: str) -> Connection:
        """The pipe to a process that has loaded the libraries for `kind`, which is not part of any item's own time."""
        if self._pipe is None:
            self._start()
        pipe = self._pipe
        if pipe is None:
            raise OSError("no pipe")
        pipe.send((kind, None))
        if not pipe.poll(START_SECONDS):
            self.stop()
            raise TerminalSourceError("The parser process did not start.", remedy="Run `context-service doctor`.")
        pipe.recv()
        return pipe

    def _start(self) -> None:
        # A process of its own rather than multiprocessing: that would import the caller's main module again.
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "context_service.ingest.parsing", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603 - fixed words
        self._pipe = Connection(ours.detach())
        self._pipe.send(self._limits)


def serve(pipe: Connection) -> None:
    """The parser process: answer each (kind, content) with a Parsed's fields or a SourceError, until the other end closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(EOFError, ConnectionError):
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
    serve(Connection(int(sys.argv[1])))
