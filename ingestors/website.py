"""The website connector: a polite crawl of one host from its start page, its sitemaps and the pages known from before."""

from __future__ import annotations

from collections.abc import Iterator

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Event, Limits, Pull
from context_service.model.document import Content, Parsed
from ingestors.html import elements_from_html
from ingestors.http import GuardedClient
from ingestors.http_guard import Network
from ingestors.options import checked_options
from ingestors.partition import load
from ingestors.website_content import main_content
from ingestors.website_crawl import Crawl, WebsiteOptions
from ingestors.website_page import decoded, document, language
from ingestors.website_urls import Site


class WebsiteConnector:
    """Items are pages; a key is the path of the canonical address without trailing slash, with the query where there is one."""

    version = "1"

    def __init__(self, pull: Pull, network: Network | None = None) -> None:
        self._pull = pull
        self._options = checked_options(WebsiteOptions, pull.source.options)
        self._site = Site.of(self._options.start)
        self._network = network or Network()

    def events(self) -> Iterator[Event]:
        """One event per page; see Crawl."""
        options = self._options
        with GuardedClient(
            self._pull.limits, allow_private=options.allow_private, user_agent=options.user_agent, network=self._network
        ) as client:
            yield from Crawl(self._pull, options, self._site, client, self._network).events()

    @staticmethod
    def load() -> None:
        """See Connector."""
        load("html")

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:  # noqa: ARG004  (the crawl has bounded the bytes)
        """The main content of a page. Only its language is taken from what the page says about itself: content is data."""
        html = decoded(content.raw, str(content.options.get("charset", "")))
        title, main = main_content(html)
        elements = elements_from_html(main) if main else []
        if not elements:
            raise TerminalSourceError(
                "The page holds no readable text.", remedy="If a script draws it, let the server send the text; or exclude the page."
            )
        tree = document(html)
        spoken = language(tree) if tree is not None else None
        return Parsed(
            title=title or content.key,
            elements=tuple(elements),
            parser="website",
            parser_version=WebsiteConnector.version,
            front_matter={"language": spoken} if spoken else {},
        )
