"""A client's network for tests: names resolve as told, and every connection ends at a local server. Waiting costs no time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat

import httpcore

from ingestors.http_guard import Network, SocketOption

PUBLIC = "93.184.215.14"


class FakeTime:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Dialled(httpcore.NetworkBackend):
    """Sends what was dialled for a public address to a local port, and remembers the addresses."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.addresses: list[str] = []
        self._ports = ports
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        self.addresses.append(host)
        return self._real.connect_tcp("127.0.0.1", self._ports[host], timeout, local_address, socket_options)


class Names:
    """A resolver that gives each name its answers one after the other, and repeats the last."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: chain(given, repeat(given[-1])) for name, given in answers.items()}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        if host not in self._answers:
            raise OSError(f"{host} is not known")
        return next(self._answers[host])


def quick() -> tuple[Network, FakeTime]:
    """The real network, where sleeping takes no time (deadlines still run by the real clock)."""
    time = FakeTime()
    return Network(sleep=time.sleep), time


def named(names: Mapping[str, Sequence[Sequence[str]]], ports: Mapping[str, int]) -> tuple[Network, Dialled]:
    """A network of these names and of these addresses, each answered by a local port."""
    backend = Dialled(ports)
    return Network(resolve=Names(names), backend=backend, sleep=FakeTime().sleep), backend
