"""Asking over HTTP: connections that stay open, and as little work around a request as Python can do."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.speed.protocol import Request

TOO_MANY = 429


@dataclass
class Asked:
    """What became of some requests. `milliseconds` and `replies` are those of the answered ones."""

    milliseconds: list[float] = field(default_factory=list)
    replies: list[Any] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(self, request: Request, asked: Asked) -> None:
        """Send a request and note how long its answer took. Raises RuntimeError for an answer that is neither 200 nor 429."""
        path, headers, body = request
        data = json.dumps(body).encode()
        begun = time.perf_counter()
        self._connection.request("POST", path, data, {"Content-Type": "application/json", **headers})
        response = self._connection.getresponse()
        text = response.read()
        took = 1000 * (time.perf_counter() - begun)
        if response.status == TOO_MANY:
            asked.refused += 1
        elif response.status != 200:
            raise RuntimeError(f"{response.status}: {text[:300]!r}")
        else:
            asked.milliseconds.append(took)
            asked.replies.append(json.loads(text))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def one_after_another(port: int, requests: Sequence[Request], asked: Asked) -> None:
    """One client; what it gets is added to `asked`."""
    client = Client(port)
    for request in requests:
        client.ask(request, asked)
    client.close()


def at_once(port: int, requests: Sequence[Request], clients: int) -> Asked:
    """Many clients, each of which sends its next request when its last was answered."""
    parts = [Asked() for _ in range(clients)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        client = Client(port)
        try:
            for request in requests[number::clients]:
                client.ask(request, parts[number])
        except (OSError, RuntimeError) as failure:
            failures.append(failure)
        finally:
            client.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} of {clients} clients failed, the first with {failures[0]}")
    return Asked(
        [one for part in parts for one in part.milliseconds],
        [one for part in parts for one in part.replies],
        sum(part.refused for part in parts),
        time.perf_counter() - begun,
    )
