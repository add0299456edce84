"""The guarded client against servers that misbehave and names that lie."""

from __future__ import annotations

import gzip
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Limits
from ingestors.http import Ask, GuardedClient, Reply, gunzip
from ingestors.http_guard import Network, is_public
from ingestors.website_page import moment
from tests.servers.base import Answer
from tests.servers.network import PUBLIC, named, quick
from tests.servers.web import WebServer, always, bomb, drip, endless, in_turn, redirect, text

OTHER = "93.184.215.15"


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        server.pages["/"] = text("hello")
        yield server


def get(url: str, limits: Limits | None = None, network: Network | None = None, **ask: object) -> Reply:
    with GuardedClient(limits or Limits(), allow_private=network is None, network=network or quick()[0]) as client:
        return client.send(Ask("GET", url, **ask))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.192 224.0.0.1 240.0.0.1 255.255.255.255
    198.18.0.1 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 fe80::1 fe80::1%eth0
    fc00::1 fec0::1 ff02::1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2001:db8::1
    2001:0:4136:e378:8000:63bf:80ff:fffe""".split(),
)
def test_an_address_off_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_a_private_address_is_refused_however_it_is_written(web: WebServer, host: str) -> None:
    with pytest.raises(TerminalSourceError, match="not a public address") as refused:
        get(f"http://{host}:{web.port}/", network=Network())
    assert "allow_private" in refused.value.remedy
    assert not web.requests


def test_a_name_with_one_private_answer_among_public_ones_is_refused(web: WebServer) -> None:
    network, dialled = named({"shop.test": [[PUBLIC, "10.0.0.1"]]}, {PUBLIC: web.port})
    with pytest.raises(TerminalSourceError, match=r"10\.0\.0\.1"):
        get("http://shop.test/", network=network)
    assert dialled.addresses == []


def test_the_connection_goes_to_the_very_address_that_was_checked(web: WebServer) -> None:
    network, dialled = named({"shop.test": [[PUBLIC], ["127.0.0.1"]]}, {PUBLIC: web.port, "127.0.0.1": web.port})
    assert get("http://shop.test/", network=network).body == b"hello"
    assert dialled.addresses == [PUBLIC]
    assert web.requests[0].headers["host"] == "shop.test"


def test_a_name_that_is_rebound_to_a_private_address_is_refused_at_the_next_connection(web: WebServer) -> None:
    network, dialled = named({"shop.test": [[PUBLIC], ["127.0.0.1"]]}, {PUBLIC: web.port, "127.0.0.1": web.port})
    web.pages["/once"] = always(200, b"x", connection="close")
    with GuardedClient(Limits(), network=network) as client:
        client.send(Ask("GET", "http://shop.test/once"))
        with pytest.raises(TerminalSourceError, match="not a public address"):
            client.send(Ask("GET", "http://shop.test/"))
    assert dialled.addresses == [PUBLIC]


def test_the_next_address_is_tried_when_the_first_does_not_answer(web: WebServer) -> None:
    network, dialled = named({"shop.test": [[OTHER, PUBLIC]]}, {OTHER: 9, PUBLIC: web.port})
    assert get("http://shop.test/", network=network).status == 200
    assert dialled.addresses == [OTHER, PUBLIC]


def test_a_redirect_to_a_private_address_is_refused(web: WebServer) -> None:
    network, dialled = named({"shop.test": [[PUBLIC]], "inside.test": [["10.0.0.7"]]}, {PUBLIC: web.port, "10.0.0.7": web.port})
    web.pages["/out"] = redirect("http://inside.test/admin")
    with pytest.raises(TerminalSourceError, match=r"inside\.test points to 10\.0\.0\.7"):
        get("http://shop.test/out", network=network)
    assert dialled.addresses == [PUBLIC]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://shop.test/", "gopher://shop.test/", "http://user:pass@shop.test/"])
def test_a_redirect_to_anything_but_plain_http_is_refused(web: WebServer, target: str) -> None:
    web.pages["/out"] = redirect(target)
    with pytest.raises(TerminalSourceError, match="not a plain http"):
        get(f"{web.url}/out")


def test_credentials_are_never_shown_to_another_host(web: WebServer) -> None:
    network, _ = named({"shop.test": [[PUBLIC]], "other.test": [[OTHER]]}, {PUBLIC: web.port, OTHER: web.port})
    web.pages["/out"] = redirect("http://other.test/")
    get("http://shop.test/out", network=network, headers={"authorization": "Bearer secret", "x-key": "secret"})
    first, second = web.requests
    assert first.headers["authorization"] == "Bearer secret"
    assert "secret" not in "".join(second.headers.values())


def test_a_redirect_circle_is_terminal(web: WebServer) -> None:
    web.pages["/a"], web.pages["/b"] = redirect("/b"), redirect("/a")
    with pytest.raises(TerminalSourceError, match="circle"):
        get(f"{web.url}/a")


def test_a_chain_of_six_redirects_is_terminal_and_of_five_is_followed(web: WebServer) -> None:
    for step in range(6):
        web.pages[f"/{step}"] = redirect(f"/{step + 1}")
    web.pages["/6"] = text("there")
    assert get(f"{web.url}/1").body == b"there"
    with pytest.raises(TerminalSourceError, match="more than 5"):
        get(f"{web.url}/0")


@pytest.mark.parametrize(("statuses", "permanent"), [((301, 308), True), ((301, 302), False), ((307, 301), False)])
def test_an_answer_knows_whether_all_redirects_to_it_were_lasting(web: WebServer, statuses: tuple[int, int], permanent: bool) -> None:
    web.pages["/a"], web.pages["/b"] = redirect("/b", statuses[0]), redirect("/", statuses[1])
    assert get(f"{web.url}/a").permanent is permanent


@given(st.binary(max_size=80), st.binary(max_size=40) | st.from_regex(r"\A\w{3}, \d+ \w{3} \d{1,6} \d+:\d+:\d+ [+-]?\w+\Z").map(str.encode))
def test_no_header_can_break_the_reading_of_a_reply(location: bytes, stamp: bytes) -> None:
    reply = Reply("http://shop.test/a", 302, httpx.Headers([(b"location", location), (b"retry-after", stamp), (b"date", stamp)]), b"")
    assert reply.location is None or httpx.URL(reply.location)
    assert reply.retry_after is None or reply.retry_after >= 0
    moment(stamp.decode("latin-1"))


def test_a_slow_drip_ends_with_the_deadline_and_is_transient(web: WebServer) -> None:
    web.pages["/slow"] = drip(0.05, 200)
    began = time.monotonic()
    with pytest.raises(TransientSourceError, match="in time"):
        get(f"{web.url}/slow", Limits(fetch_seconds=0.4))
    assert time.monotonic() - began < 3


def test_an_endless_answer_ends_at_the_size_bound(web: WebServer) -> None:
    web.pages["/more"] = endless()
    with pytest.raises(TerminalSourceError, match="larger than 100000 bytes"):
        get(f"{web.url}/more", Limits(item_bytes=100_000))


def test_a_bomb_is_unpacked_only_up_to_the_size_bound(web: WebServer) -> None:
    web.pages["/bomb"] = bomb(200_000_000)
    with pytest.raises(TerminalSourceError, match="larger than"):
        get(f"{web.url}/bomb", Limits(item_bytes=1_000_000))


def test_packed_data_is_unpacked_in_small_pieces_and_whatever_it_is_split_into() -> None:
    packed = gzip.compress(b"0" * 5_000_000, mtime=0) + gzip.compress(b"second part", mtime=0)
    pieces = list(gunzip([packed]))
    assert max(map(len, pieces)) <= 64 * 1024
    assert b"".join(pieces) == b"".join(gunzip([packed[n : n + 1] for n in range(len(packed))])) == b"0" * 5_000_000 + b"second part"


@pytest.mark.parametrize(
    ("raw", "error"), [(b"no gzip at all", TerminalSourceError), (gzip.compress(b"x" * 99, mtime=0)[:-9], TransientSourceError)]
)
def test_packed_data_that_is_damaged_or_cut_off_is_an_error(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(gunzip([raw]))


def test_packed_data_is_unpacked(web: WebServer) -> None:
    web.pages["/packed"] = bomb(300_000)
    assert get(f"{web.url}/packed").body == b"0" * 300_000


def test_an_encoding_that_was_not_asked_for_is_refused(web: WebServer) -> None:
    web.pages["/br"] = always(200, b"x", content_encoding="br")
    with pytest.raises(TerminalSourceError, match="br"):
        get(f"{web.url}/br")


def test_a_body_that_is_not_wanted_is_not_read(web: WebServer) -> None:
    web.pages["/more"] = endless()
    assert get(f"{web.url}/more", wanted=lambda _status, _headers: False).body == b""


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_for_now_is_tried_again_after_a_growing_pause(web: WebServer, status: int) -> None:
    network, waited = quick()
    web.pages["/"] = in_turn(always(status), always(status), text("at last"))
    with GuardedClient(Limits(), allow_private=True, network=network) as client:
        assert client.send(Ask("GET", web.url)).body == b"at last"
    assert waited.slept == [1.0, 2.0]


def test_a_refusal_that_stays_is_transient(web: WebServer) -> None:
    web.pages["/"] = always(503)
    with pytest.raises(TransientSourceError, match="503"):
        get(web.url)
    assert len(web.requests) == 3


def test_retry_after_is_honoured_in_seconds_and_as_a_date(web: WebServer) -> None:
    network, waited = quick()
    date = always(503, date="Fri, 20 Nov 2026 12:00:00 GMT", retry_after="Fri, 20 Nov 2026 12:00:09 GMT")
    web.pages["/"] = in_turn(always(429, retry_after="7"), date, text("ok"))
    with GuardedClient(Limits(), allow_private=True, network=network) as client:
        client.send(Ask("GET", web.url))
    assert waited.slept == [7.0, 9.0]


def test_a_server_that_asks_for_an_hour_is_left_alone(web: WebServer) -> None:
    network, waited = quick()
    web.pages["/"] = always(429, retry_after="3600")
    with GuardedClient(Limits(), allow_private=True, network=network) as client, pytest.raises(TransientSourceError):
        client.send(Ask("GET", web.url))
    assert waited.slept == []
    assert len(web.requests) == 1


def test_an_unknown_name_and_a_closed_port_are_transient() -> None:
    network, _ = named({"shop.test": [[PUBLIC]]}, {PUBLIC: 9})
    with pytest.raises(TransientSourceError, match="could not be resolved"):
        get("http://nowhere.test/", network=network)
    with pytest.raises(TransientSourceError, match="did not answer"):
        get("http://shop.test/", network=network)


def test_an_answer_that_is_cut_off_is_transient(web: WebServer) -> None:
    web.pages["/cut"] = lambda _request: Answer(200, headers={"content-length": "300"}, write=lambda send: send(b"abc"))
    with pytest.raises(TransientSourceError, match="did not answer properly"):
        get(f"{web.url}/cut")


def test_a_certificate_that_nobody_vouches_for_is_terminal(web: WebServer, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=shop.test", "-addext", "subjectAltName=DNS:shop.test"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", certificate, *subject],
        check=True,
        capture_output=True,
    )
    web.speak_tls(certificate, key)
    network, _ = named({"shop.test": [[PUBLIC]]}, {PUBLIC: web.port})
    with pytest.raises(TerminalSourceError, match=r"certificate of https://shop\.test/ is not valid"):
        get("https://shop.test/", network=network)
