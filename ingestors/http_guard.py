"""The network below the guarded client: every connection goes to an address that was checked, and ends by one deadline."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import httpcore

from context_service.errors import TerminalSourceError, TransientSourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
"""Not public, though some Python releases call parts of it so; one cloud keeps its metadata service here."""


def resolve(host: str, port: int) -> list[str]:
    """Every address the system's resolver knows for `host`, in its order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Network:
    """What a client needs of the outside world: names, sockets, seconds that pass, and waiting."""

    resolve: Callable[[str, int], Sequence[str]] = resolve
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet: not private, loopback, link-local, multicast or reserved."""
    address = _innermost(ipaddress.ip_address(text))
    if address.is_multicast or address.is_reserved or not address.is_global or address in PROTOCOL_ASSIGNMENTS:
        return False
    return not (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)


def _innermost(address: Address) -> Address:
    # An IPv6 address may only wrap the IPv4 address that packets really go to.
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


class Deadline:
    """The moment by which everything begun since `start` has to be over."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = 0.0

    def start(self, seconds: float) -> None:
        """Let `seconds` run from now."""
        self._end = self._clock() + seconds

    def remaining(self) -> float:
        """Seconds left; raises httpcore.TimeoutException when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole exchange took too long")
        return left


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections only to addresses that were checked, and to exactly those, so that a second lookup cannot change the target."""

    def __init__(self, network: Network, deadline: Deadline, *, allow_private: bool) -> None:
        self._network = network
        self._deadline = deadline
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  (the deadline stands in its place)
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first checked address that answers."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port):
            try:
                stream = self._network.backend.connect_tcp(address, port, self._deadline.remaining(), local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._network.resolve(host, port)
        except (OSError, UnicodeError) as error:  # the latter for labels that no name may have
            raise TransientSourceError(
                f"The name {host} could not be resolved ({error}).",
                remedy="Check the host's name and the network; the next sync tries again.",
            ) from error
        # One private answer among public ones is refused too: it is how a name is made to point both ways.
        refused = [] if self._allow_private else [address for address in addresses if not is_public(address)]
        if refused:
            raise TerminalSourceError(
                f"{host} points to {refused[0]}, which is not a public address.",
                remedy="If this source is meant to be on your own network, set the option `allow_private: true`.",
            )
        return addresses


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every operation gets only the seconds that are left, so that a slow drip ends as well."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  (the deadline stands in its place)
        return self._inner.read(max_bytes, self._deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  (the deadline stands in its place)
        self._inner.write(buffer, self._deadline.remaining())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  (the deadline stands in its place)
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.remaining()), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
