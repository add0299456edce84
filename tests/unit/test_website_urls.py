"""Keys of pages and the addresses that belong to a site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context_service.errors import TerminalSourceError
from ingestors.website_urls import LONGEST_URL, Site

SITE = Site.of("https://www.shop.test/")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.shop.test", "/"),
        ("https://www.shop.test/", "/"),
        ("https://www.shop.test/#top", "/"),
        ("https://www.shop.test/guides/", "/guides"),
        ("https://WWW.Shop.Test:443/Guides", "/Guides"),
        ("http://www.shop.test/guides", "/guides"),
        ("https://www.shop.test/a?utm_source=x&UTM_medium=y&gclid=1", "/a"),
        ("https://www.shop.test/a?page=2&utm_source=x&b=1", "/a?b=1&page=2"),
        ("https://www.shop.test/a?", "/a"),
        ("https://www.shop.test/%7euser/%c3%bc", "/~user/%C3%BC"),
        ("https://www.shop.test/ü b", "/%C3%BC%20b"),
        ("https://www.shop.test/a%2Fb", "/a%2Fb"),
        ("https://shop.test/", None),
        ("https://www.shop.test:8443/", None),
        ("https://user:pass@www.shop.test/", None),
        ("ftp://www.shop.test/", None),
        ("https://[bad/", None),
        ("https://www.shop.test:port/", None),
        ("https://www.shop.test/" + "x" * LONGEST_URL, None),
    ],
)
def test_a_page_has_one_key_however_its_address_is_written(url: str, key: str | None) -> None:
    assert SITE.key(url) == key


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("b", "https://www.shop.test/guides/b"),
        (" ../b/ ", "https://www.shop.test/b/"),
        ("?page=2", "https://www.shop.test/guides/a?page=2"),
        ("//www.shop.test/b", "https://www.shop.test/b"),
        ("#part", "https://www.shop.test/guides/a"),
        ("mailto:a@shop.test", None),
        ("javascript:void(0)", None),
        ("//elsewhere.test/", None),
        ("http://[::1", None),
    ],
)
def test_a_link_is_joined_with_its_page(link: str, found: str | None) -> None:
    assert SITE.join("https://www.shop.test/guides/a", link) == found


@pytest.mark.parametrize("start", ["", "shop.test", "ftp://shop.test", "https://", "https://[bad"])
def test_a_start_that_is_no_web_address_is_terminal(start: str) -> None:
    with pytest.raises(TerminalSourceError, match=r"options\.start"):
        Site.of(start)


@given(st.text(max_size=60))
def test_a_key_leads_back_to_itself(path: str) -> None:
    key = SITE.key(f"https://www.shop.test/{path}")
    if key is not None:
        assert SITE.key(SITE.url(key)) == key
        assert key.partition("?")[0] == "/" or not key.partition("?")[0].endswith("/")
