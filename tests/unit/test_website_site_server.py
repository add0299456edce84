"""The static server of the demo site."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from context_service.cli.site import SiteServer, serve_site

BASE = "https://www.tidewell.example"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteServer]:
    folder = tmp_path / "site"
    (folder / "promise").mkdir(parents=True)
    (folder / "index.html").write_text(f'<link rel="canonical" href="{BASE}/"><h1>Start</h1>')
    (folder / "promise" / "index.html").write_text("<h1>Promise</h1>")
    (folder / "about.html").write_text("<h1>About</h1>")
    (folder / "logo.svg").write_text(BASE)
    (folder / "404.html").write_text("<h1>Nothing here</h1>")
    (folder / "_redirects").write_text("# old addresses\n/old /promise 302\n/older /promise\n")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    with serve_site(folder, BASE) as server:
        yield server


def ask(site: SiteServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", int(site.url.rpartition(":")[2]), timeout=5)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "said"), [("/promise", "Promise"), ("/promise/", "Promise"), ("/about", "About"), ("/?ref=ad", "Start")])
def test_a_path_is_answered_by_its_page(site: SiteServer, path: str, said: str) -> None:
    status, headers, body = ask(site, path)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert said in body


def test_the_sites_own_address_stands_in_its_texts_only(site: SiteServer) -> None:
    assert f'href="{site.url}/"' in ask(site, "/")[2]
    assert ask(site, "/logo.svg")[2] == BASE


def test_what_has_not_changed_is_not_sent_again(site: SiteServer) -> None:
    _, headers, _ = ask(site, "/promise")
    assert headers["last-modified"].endswith("GMT")
    assert ask(site, "/promise", if_none_match=headers["etag"])[::2] == (304, "")
    (site.folder / "promise" / "index.html").write_text("<h1>Another promise</h1>")
    assert ask(site, "/promise", if_none_match=headers["etag"])[0] == 200


def test_redirects_are_as_the_file_says(site: SiteServer) -> None:
    assert [(status, headers["location"]) for status, headers, _ in (ask(site, "/old"), ask(site, "/older/"))] == [
        (302, "/promise"),
        (301, "/promise"),
    ]


def test_what_is_not_there_is_the_404_page(site: SiteServer) -> None:
    status, _, body = ask(site, "/nothing")
    assert (status, body) == (404, "<h1>Nothing here</h1>")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/promise/../../secret.txt",
        "/link.txt",
        "//etc/passwd",
        "/_redirects",
        "/%00",
        "/_redirects/",
    ],
)
def test_nothing_outside_the_folder_is_served(site: SiteServer, path: str) -> None:
    status, _, body = ask(site, path)
    assert status == 404
    assert "secret" not in body


def test_a_head_request_gets_the_headers_alone(site: SiteServer) -> None:
    status, headers, body = ask(site, "/promise", "HEAD")
    assert (status, headers["content-length"], body) == (200, "16", "")
