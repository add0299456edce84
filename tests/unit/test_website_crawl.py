"""The crawl of one site: what becomes an item, what each answer means, and what a site may ask of us."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Event, Failed, Found, Gone, Limits, Same
from ingestors.website import WebsiteConnector
from tests.servers.base import Answer
from tests.servers.network import PUBLIC, named, quick
from tests.servers.syncs import Memory, done, failures, keys, pull_of
from tests.servers.web import WebServer, always, bomb, drip, endless, in_turn, redirect, simple, text

FAST = Limits(fetch_seconds=0.5)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def memory() -> Memory:
    return Memory()


def crawl(web: WebServer, memory: Memory, **options: JsonValue) -> list[Event]:
    given: dict[str, JsonValue] = {"start": f"{web.url}/", "delay": 0, "allow_private": True, **options}
    pull = pull_of("website", given, known=memory.known, limits=FAST)
    return memory.take(WebsiteConnector(pull, quick()[0]).events())


def shop(web: WebServer) -> None:
    web.page("/", simple("Shop", "/a", "/b/", "https://elsewhere.test/x", "mailto:shop@shop.test", "#top"))
    web.page("/a", simple("A", "/", "/a/deep?utm_source=mail&page=2"))
    web.page("/b/", simple("B"))
    web.page("/a/deep", simple("Deep"))


def sitemap(web: WebServer, *paths: str, lastmod: str = "") -> str:
    stamp = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    entries = "".join(f"<url><loc>{web.url}{path}</loc>{stamp}</url>" for path in paths)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'


def test_every_page_that_is_linked_on_the_same_host_is_found_once(web: WebServer, memory: Memory) -> None:
    shop(web)
    events = crawl(web, memory)
    assert sorted(keys(events, Found)) == ["/", "/a", "/a/deep?page=2", "/b"]
    assert done(events).complete
    assert len(web.requests) == 2 + 4


def test_a_second_crawl_finds_everything_the_same_without_reading_it(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    events = crawl(web, memory)
    assert sorted(keys(events, Same)) == ["/", "/a", "/a/deep?page=2", "/b"]
    assert not keys(events, Found, Gone, Failed)
    assert all(request.headers.get("if-none-match") for request in web.requests[6:] if not request.path.endswith((".txt", ".xml")))


def test_a_page_without_validators_is_the_same_when_its_bytes_are(web: WebServer, memory: Memory) -> None:
    web.pages["/"] = text(simple("Plain"), "text/html")
    crawl(web, memory)
    assert keys(crawl(web, memory), Same) == ["/"]


def test_a_changed_page_is_found_and_its_new_links_followed(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    web.page("/a", simple("A changed", "/new"))
    web.page("/new", simple("New"))
    events = crawl(web, memory)
    assert sorted(keys(events, Found)) == ["/a", "/new"]
    assert sorted(keys(events, Same)) == ["/", "/a/deep?page=2", "/b"]


def test_a_removed_page_is_gone(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    del web.pages["/b/"]
    assert keys(crawl(web, memory), Gone) == ["/b"]
    assert "/b" not in keys(crawl(web, memory))


def test_a_link_to_nothing_is_no_item(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/nothing"))
    assert keys(crawl(web, memory)) == ["/"]


def test_a_known_page_is_fetched_in_the_form_it_was_found_in(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    web.requests.clear()
    crawl(web, memory)
    assert web.fetched("/b/") == 1
    assert web.fetched("/b") == 0


def test_robots_rules_are_obeyed_and_a_page_they_close_is_gone(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    web.pages["/robots.txt"] = text("User-agent: *\nDisallow: /a\n")
    web.requests.clear()
    events = crawl(web, memory)
    assert sorted(keys(events, Gone)) == ["/a", "/a/deep?page=2"]
    assert web.fetched("/a") == web.fetched("/a/deep") == 0


def test_robots_rules_about_a_folder_hold_for_its_own_page(web: WebServer, memory: Memory) -> None:
    web.pages["/robots.txt"] = text("User-agent: *\nDisallow: /closed/\n")
    web.page("/", simple("Shop", "/closed/", "/open"))
    web.page("/closed/", simple("Closed"))
    web.pages["/open"] = redirect("/closed/")
    assert keys(crawl(web, memory)) == ["/"]
    assert web.fetched("/closed/") == 0


def test_robots_rules_hold_for_a_redirect_that_only_adds_a_slash(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/closed"))
    web.pages["/closed"] = redirect("/closed/")
    web.page("/closed/", simple("Closed"))
    crawl(web, memory)
    assert "/closed" in memory.known
    web.pages["/robots.txt"] = text("User-agent: *\nDisallow: /closed/\n")
    web.requests.clear()
    assert keys(crawl(web, memory), Gone) == ["/closed"]
    assert web.fetched("/closed/") == 0


def test_robots_that_forbid_the_start_page_are_terminal(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.pages["/robots.txt"] = text("User-agent: context-service\nDisallow: /\n")
    with pytest.raises(TerminalSourceError, match="robots"):
        crawl(web, memory)


def test_robots_that_cannot_be_read_for_now_make_the_whole_source_transient(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.pages["/robots.txt"] = always(503)
    with pytest.raises(TransientSourceError):
        crawl(web, memory)
    assert web.fetched("/") == 0


def test_the_longer_of_delay_and_crawl_delay_is_kept_between_requests(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.pages["/robots.txt"] = text("User-agent: *\nCrawl-delay: 3\n")
    network, waited = quick()
    pull = pull_of("website", {"start": web.url, "delay": 1, "allow_private": True})
    memory.take(WebsiteConnector(pull, network).events())
    assert waited.slept == [3.0] * (len(web.requests) - 1)


def test_a_sitemap_names_pages_that_nobody_links_to_and_their_dates(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.page("/hidden", simple("Hidden"))
    web.pages["/sitemap.xml"] = text(sitemap(web, "/hidden", lastmod="2026-05-06"), "text/xml")
    crawl(web, memory)
    assert memory.found["/hidden"].content.modified == datetime(2026, 5, 6, tzinfo=UTC)


def test_a_page_in_place_of_the_sitemap_is_no_sitemap(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.page("/sitemap.xml", simple("Everything is this page"))
    events = crawl(web, memory)
    assert not failures(events)
    assert done(events).complete


def test_sitemap_indexes_and_packed_sitemaps_are_read_once_each_and_only_on_the_same_host(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.page("/hidden", simple("Hidden"))
    index = "".join(
        f"<sitemap><loc>{url}</loc></sitemap>" for url in (f"{web.url}/1.xml.gz", f"{web.url}/index.xml", "https://elsewhere.test/s.xml")
    )
    web.pages["/robots.txt"] = text(f"Sitemap: {web.url}/index.xml\n")
    web.pages["/index.xml"] = text(f"<sitemapindex>{index}</sitemapindex>", "text/xml")
    web.pages["/1.xml.gz"] = always(200, gzip.compress(sitemap(web, "/hidden").encode(), mtime=0), content_type="application/gzip")
    events = crawl(web, memory)
    assert "/hidden" in keys(events, Found)
    assert web.fetched("/index.xml") == 1
    assert not failures(events)


def test_entities_of_a_sitemap_are_not_expanded(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.page("/hidden", simple("Hidden"))
    web.page("/inside", simple("Inside"))
    entries = f"<url><loc>{web.url}/hidden</loc></url><url><loc>&file;</loc></url><url><loc>{web.url}&inside;</loc></url>"
    declared = '<!DOCTYPE u [<!ENTITY file SYSTEM "file:///etc/passwd"><!ENTITY inside "/inside">]>'
    web.pages["/sitemap.xml"] = text(f"{declared}<urlset>{entries}</urlset>", "text/xml")
    crawl(web, memory)
    assert sorted(memory.known) == ["/", "/a", "/a/deep?page=2", "/b", "/hidden"]


def test_an_entity_bomb_is_a_broken_sitemap(web: WebServer, memory: Memory) -> None:
    shop(web)
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    entry = f"<url><loc>{web.url}/&e8;</loc></url>"
    web.pages["/sitemap.xml"] = text(f'<!DOCTYPE u [<!ENTITY e0 "/a">{levels}]><urlset>{entry}</urlset>', "text/xml")
    events = crawl(web, memory)
    assert "sitemap cannot be read" in failures(events)["/sitemap.xml"][0]
    assert len(keys(events, Found)) == 4


def test_a_sitemap_bomb_ends_at_the_size_bound(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.pages["/sitemap.xml"] = always(200, gzip.compress(b"<urlset>" + b" " * 100_000_000, mtime=0), content_type="application/gzip")
    assert "larger than" in failures(crawl(web, memory))["/sitemap.xml"][0]


def test_a_broken_sitemap_is_a_failure_and_keeps_the_crawl_from_being_complete(web: WebServer, memory: Memory) -> None:
    shop(web)
    web.pages["/robots.txt"] = text(f"Sitemap: {web.url}/map.xml\nSitemap: {web.url}/missing.xml\n")
    web.pages["/map.xml"] = text("<urlset><url>", "text/xml")
    events = crawl(web, memory)
    assert {key: transient for key, (_, transient) in failures(events).items()} == {"/map.xml": False, "/missing.xml": False}
    assert not done(events).complete
    assert len(keys(events, Found)) == 4


def test_the_canonical_address_is_the_item_and_its_alias_is_not(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/promise?ref=ad", "/promise?ref=mail"))
    web.page("/promise", simple("Promise", head=f'<link rel="canonical" href="{web.url}/promise">'))
    events = crawl(web, memory)
    assert sorted(keys(events)) == ["/", "/promise"]
    assert memory.found["/promise"].content.url == f"{web.url}/promise"


def test_an_alias_that_was_known_is_gone(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/old", "/new"))
    web.page("/old", simple("Old"))
    web.page("/new", simple("New"))
    crawl(web, memory)
    web.page("/old", simple("Old", head='<link rel="canonical" href="/new">'))
    events = crawl(web, memory)
    assert keys(events, Gone) == ["/old"]
    assert sorted(keys(events, Same)) == ["/", "/new"]


def test_pages_that_name_each_other_canonical_are_not_lost(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/x"))
    web.page("/x", simple("X", head='<link rel="canonical" href="/y">'))
    web.page("/y", simple("Y", head='<link rel="canonical" href="/x">'))
    assert sorted(keys(crawl(web, memory), Found)) == ["/", "/y"]


def test_a_canonical_address_on_another_host_is_ignored(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", head='<link rel="canonical" href="https://elsewhere.test/">'))
    assert keys(crawl(web, memory), Found) == ["/"]


def test_a_canonical_address_that_is_not_there_is_a_failure(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/x"))
    web.page("/x", simple("X", head='<link rel="canonical" href="/y">'))
    assert "canonical" in failures(crawl(web, memory))["/y"][0]


def test_a_redirect_leads_to_the_item_and_is_none(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/old"))
    web.pages["/old"] = redirect("/new")
    web.page("/new", simple("New"))
    assert sorted(keys(crawl(web, memory))) == ["/", "/new"]


@pytest.mark.parametrize(("status", "expected"), [(301, "gone"), (308, "gone"), (302, "kept"), (307, "kept")])
def test_a_known_page_that_redirects_is_gone_only_when_that_is_lasting(web: WebServer, memory: Memory, status: int, expected: str) -> None:
    web.page("/", simple("Shop", "/a", "/sorry"))
    web.page("/a", simple("A"))
    web.page("/sorry", simple("Sorry"))
    crawl(web, memory)
    web.pages["/a"] = redirect("/sorry", status)
    events = crawl(web, memory)
    assert keys(events, Gone) == (["/a"] if expected == "gone" else [])
    assert failures(events).get("/a", ("", False))[1] == (expected == "kept")


def test_a_redirect_circle_is_terminal(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/x", "/self"))
    web.pages.update({"/x": redirect("/y"), "/y": redirect("/x"), "/self": redirect("/self/"), "/self/": redirect("/self")})
    failed = failures(crawl(web, memory))
    assert {key: transient for key, (_, transient) in failed.items()} == {"/y": False, "/self": False}


def test_a_redirect_to_another_host_is_no_item(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/out"))
    web.pages["/out"] = redirect("https://elsewhere.test/")
    assert keys(crawl(web, memory)) == ["/"]


def test_a_start_page_that_leads_to_another_host_is_terminal_and_says_where(web: WebServer, memory: Memory) -> None:
    web.pages["/"] = redirect("https://www.shop.test/")
    with pytest.raises(TerminalSourceError, match=r"www\.shop\.test"):
        crawl(web, memory)


def test_server_errors_and_slow_pages_are_transient_and_keep_what_is_known(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    web.pages["/a"], web.pages["/b/"] = always(500), drip(0.1, 50)
    events = crawl(web, memory)
    assert {key: transient for key, (_, transient) in failures(events).items()} == {"/a": True, "/b": True}
    assert {"/a", "/b"} <= set(memory.known)


def test_pages_that_are_endless_or_bombs_are_terminal(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/endless", "/bomb"))
    web.pages["/endless"], web.pages["/bomb"] = endless(), bomb(50_000_000)
    failed = failures(crawl(web, memory, max_page_bytes=100_000))
    assert {key: transient for key, (_, transient) in failed.items()} == {"/endless": False, "/bomb": False}


def test_a_start_page_that_does_not_answer_makes_the_whole_source_transient(web: WebServer, memory: Memory) -> None:
    web.pages["/"] = always(500)
    with pytest.raises(TransientSourceError):
        crawl(web, memory)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_start_page_that_is_refused_is_terminal_and_deletes_nothing(web: WebServer, memory: Memory, status: int) -> None:
    shop(web)
    crawl(web, memory)
    web.pages["/"] = always(status)
    with pytest.raises(TerminalSourceError, match=str(status)):
        crawl(web, memory)
    assert len(memory.known) == 4


def test_a_site_that_goes_down_in_the_middle_ends_the_crawl(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", *(f"/{number}" for number in range(40))))
    web.pages.update({f"/{number}": always(503) for number in range(40)})
    with pytest.raises(TransientSourceError, match="stopped answering"):
        crawl(web, memory)
    assert "/" in memory.known


def test_an_asset_that_is_linked_is_skipped_and_one_in_the_sitemap_is_a_failure(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/linked.pdf", "/named.pdf"))
    web.pages["/linked.pdf"] = web.pages["/named.pdf"] = text("%PDF", "application/pdf")
    web.pages["/sitemap.xml"] = text(sitemap(web, "/named.pdf"), "text/xml")
    events = crawl(web, memory)
    assert keys(events) == ["/", "/named.pdf"]
    assert failures(events)["/named.pdf"] == ("It is no page: its type is application/pdf.", False)


def test_not_modified_for_a_page_that_nobody_knows_is_a_failure(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/odd"))
    web.pages["/odd"] = always(304)
    assert failures(crawl(web, memory))["/odd"] == ("It is no page: the server answered 304.", False)


def test_a_page_that_needs_a_sign_in_is_a_terminal_failure(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/account"))
    web.pages["/account"] = always(401)
    assert failures(crawl(web, memory))["/account"] == ("It is no page: the server answered 401.", False)


@pytest.mark.parametrize("where", ["meta", "header"])
def test_a_page_that_asks_not_to_be_indexed_is_absent_but_its_links_are_followed(web: WebServer, memory: Memory, where: str) -> None:
    web.page("/", simple("Shop", "/list"))
    web.page("/list", simple("List", "/item"))
    web.page("/item", simple("Item"))
    crawl(web, memory)
    meta = '<meta name="ROBOTS" content="NoIndex, follow">' if where == "meta" else ""
    web.page("/list", simple("List", "/item", head=meta, text="changed"), **({} if meta else {"x_robots_tag": "noindex"}))
    events = crawl(web, memory)
    assert keys(events, Gone) == ["/list"]
    assert "/item" in keys(events, Same)


def test_a_crawl_cut_short_by_max_pages_is_not_complete_and_forgets_nothing(web: WebServer, memory: Memory) -> None:
    shop(web)
    crawl(web, memory)
    events = crawl(web, memory, max_pages=2)
    assert not done(events).complete
    assert len(memory.known) == 4


def test_a_trap_of_endless_links_ends_at_max_depth(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/trap/1"))
    for number in range(1, 30):
        web.page(f"/trap/{number}", simple(f"Trap {number}", f"/trap/{number + 1}"))
    events = crawl(web, memory, max_depth=4)
    assert keys(events, Found) == ["/", "/trap/1", "/trap/2", "/trap/3", "/trap/4"]
    assert done(events).complete


def test_include_and_exclude_choose_the_items(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/guides/a", "/guides/old/b", "/news/c"))
    for path in ("/guides/a", "/guides/old/b", "/news/c"):
        web.page(path, simple(path))
    assert keys(crawl(web, memory, include=["/guides/*"], exclude=["*/old/*"])) == ["/guides/a"]
    assert web.fetched("/news/c") == web.fetched("/guides/old/b") == 0


def test_the_date_is_taken_from_the_page_before_the_sitemap_before_the_header(web: WebServer, memory: Memory) -> None:
    stamp = {"last_modified": "Mon, 04 May 2026 10:00:00 GMT"}
    meta = '<meta property="article:modified_time" content="2026-01-01T00:00:00Z">'
    linked = '<script type="application/ld+json">{"@graph": [{"@type": "Article", "dateModified": "2026-02-01"}]}</script>'
    web.page("/", simple("Shop", "/ld", "/map", "/header", head=meta + linked), **stamp)
    web.page("/ld", simple("LD", head=linked), **stamp)
    web.page("/map", simple("Map"), **stamp)
    web.page("/header", simple("Header"), **stamp)
    web.pages["/sitemap.xml"] = text(sitemap(web, "/", "/ld", "/map", lastmod="2026-03-01"), "text/xml")
    crawl(web, memory)
    dates = {key: event.content.modified for key, event in memory.found.items()}
    assert {key: date and date.month for key, date in dates.items()} == {"/": 1, "/ld": 2, "/map": 3, "/header": 5}


def test_a_private_site_is_refused_unless_allowed(web: WebServer, memory: Memory) -> None:
    shop(web)
    with pytest.raises(TerminalSourceError, match="not a public address"):
        crawl(web, memory, allow_private=False)
    assert not web.requests


def test_a_public_site_cannot_lead_the_crawl_to_a_private_address(web: WebServer, memory: Memory) -> None:
    web.page("/", simple("Shop", "/a"))
    web.page("/a", simple("A"))
    web.pages["/"] = in_turn(
        lambda _request: Answer(200, simple("Shop", "/a").encode(), {"content-type": "text/html", "connection": "close"})
    )
    network, dialled = named({"shop.test": [[PUBLIC]] * 3 + [["127.0.0.1"]]}, {PUBLIC: web.port, "127.0.0.1": web.port})
    web.pages["/robots.txt"] = web.pages["/sitemap.xml"] = always(404, connection="close")
    events = memory.take(WebsiteConnector(pull_of("website", {"start": "http://shop.test/", "delay": 0}), network).events())
    assert keys(events, Found) == ["/"]
    assert "not a public address" in failures(events)["/a"][0]
    assert set(dialled.addresses) == {PUBLIC}


def test_a_private_address_as_a_link_is_never_asked(web: WebServer, memory: Memory) -> None:
    web.page(
        "/", simple("Shop", "http://169.254.169.254/latest/meta-data", f"http://localhost:{web.port}/secret", "//[::1]/x", "http://[bad")
    )
    assert keys(crawl(web, memory)) == ["/"]


@pytest.mark.parametrize(
    ("options", "named_option"),
    [
        ({}, "options.start"),
        ({"start": "ftp://shop.test"}, "options.start"),
        ({"start": "http://shop.test", "delay": -1}, "options.delay"),
        ({"start": "http://shop.test", "max_page": 3}, "options.max_page"),
        ({"start": "http://shop.test", "user_agent": "x\r\ny: z"}, "options.user_agent"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, JsonValue], named_option: str) -> None:
    with pytest.raises(TerminalSourceError, match=named_option):
        WebsiteConnector(pull_of("website", options))
