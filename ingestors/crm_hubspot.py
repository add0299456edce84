"""HubSpot over its CRM API: full listings, search for what changed, archived records for what was deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import Field, JsonValue

from context_service.errors import TerminalSourceError, TransientSourceError
from ingestors.crm_live import BASE_URL, LiveOptions, TooOldError, columns_of, json_object, secret
from ingestors.crm_record import Columns, RecordShape, column, identity
from ingestors.http import MAX_WAIT_SECONDS, NEXT_SYNC, Ask, GuardedClient, Reply

OWN_KEY = "id"
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
SEARCH_WINDOW = 10_000
"""A search never gives more results than this; a longer one goes on from the last moment seen."""
SEARCH_PAGE = 200
TEN_SECONDS = "TEN_SECONDLY_ROLLING"


class HubspotOptions(LiveOptions):
    """`options` of a crm source with provider `hubspot`."""

    provider: Literal["hubspot"]
    base_url: str = Field("https://api.hubapi.com", description="Address of the API.", pattern=BASE_URL)
    token_env: str = Field("HUBSPOT_TOKEN", description="Environment variable of the private app's access token.")
    page_size: int = Field(100, ge=1, le=100, description="Records asked for at a time.")


class Hubspot:
    """The provider for one portal."""

    def __init__(self, options: HubspotOptions, client: GuardedClient, environ: Mapping[str, str]) -> None:
        self._options = options
        self._client = client
        self._environ = environ
        self._base = options.base_url.rstrip("/")
        self._token = ""

    def begin(self) -> datetime | None:
        """Take the token and ask for one record, to see that it is good and what the server's time is."""
        self._token = secret(self._environ, self._options.token_env)
        reply = self._send("GET", f"/crm/v3/objects/{next(iter(self._options.objects))}?limit=1")
        return reply.date

    def everything(self, shape: RecordShape) -> Iterator[Columns]:
        """All records that are not archived."""
        yield from self._listing(shape, archived=False)

    def changed(self, shape: RecordShape, since: datetime) -> Iterator[Columns]:
        """The records changed since then. Raises TooOldError when one moment holds more changes than a search can give."""
        going_on: datetime | None = since
        while going_on:
            going_on = yield from self._search(shape, going_on)

    def deleted(self, shape: RecordShape, since: datetime, until: datetime) -> list[str]:  # noqa: ARG002  (archives have no window)
        """The keys of all archived records."""
        return [identity(column(columns, shape.key)) for columns in self._listing(shape, archived=True)]

    def url(self, shape: RecordShape, record: str) -> str:
        """The record in the API; its page would need the portal's number."""
        return f"{self._base}/crm/v3/objects/{shape.object}/{quote(record, safe='')}"

    def _listing(self, shape: RecordShape, *, archived: bool) -> Iterator[Columns]:
        asked = {"limit": str(self._options.page_size), "properties": ",".join(_properties(shape)), "archived": str(archived).lower()}
        after, seen = "", set[str]()
        while after not in seen:
            seen.add(after)
            query = urlencode({**asked, **({"after": after} if after else {})})
            page = json_object(self._send("GET", f"/crm/v3/objects/{shape.object}?{query}"))
            yield from _columns(page)
            after = _next(page)
            if not after:
                return
        raise TransientSourceError("HubSpot's listing leads in a circle.", remedy=NEXT_SYNC)

    def _search(self, shape: RecordShape, since: datetime) -> Generator[Columns, None, datetime | None]:
        """One search, oldest change first. Returns the moment to go on from when its window was full, else None."""
        last, after = since, "0"
        while int(after) < SEARCH_WINDOW:
            page = json_object(self._send("POST", f"/crm/v3/objects/{shape.object}/search", {**_filter(shape, since), "after": after}))
            for columns in _columns(page):
                last = _changed_at(shape, columns) or last
                yield columns
            following = _next(page)
            if not following:
                return None
            if not following.isdecimal() or int(following) <= int(after):
                raise TransientSourceError("HubSpot's search leads in a circle.", remedy=NEXT_SYNC)
            after = following
        if last <= since:
            raise TooOldError
        return last

    def _send(self, method: str, path: str, body: Mapping[str, JsonValue] | None = None) -> Reply:
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        if content:
            headers["content-type"] = "application/json"
        reply = self._client.send(Ask(method, self._base + path, headers=headers, content=content, follow=lambda _target: False))
        if reply.status != 200:
            raise self._refused(reply)
        return reply

    def _refused(self, reply: Reply) -> TerminalSourceError:
        said = json_object(reply)
        message = f"HubSpot answered {reply.status}: {said.get('message') or said.get('category') or 'no reason'}"
        if reply.status == 401:
            return TerminalSourceError(message, remedy=f"Put a valid access token of the private app into {self._options.token_env}.")
        return TerminalSourceError(message, remedy="Check `options.objects` and `options.fields`, and the scopes of the private app.")


def pause(reply: Reply) -> float | None:
    """How long HubSpot wants us to wait: as it says, ten seconds for its rolling limit, and until another day for the daily one."""
    if reply.status != 429 or reply.retry_after is not None:
        return reply.retry_after
    policy = json_object(reply).get("policyName")
    return 10.0 if policy == TEN_SECONDS else MAX_WAIT_SECONDS + 1 if policy == "DAILY" else None


def _filter(shape: RecordShape, since: datetime) -> dict[str, JsonValue]:
    modified = _modified(shape)
    return {
        "filterGroups": [{"filters": [{"propertyName": modified, "operator": "GTE", "value": str(int(since.timestamp() * 1000))}]}],
        "sorts": [{"propertyName": modified, "direction": "ASCENDING"}],
        "properties": list(_properties(shape)),
        "limit": SEARCH_PAGE,
    }


def _properties(shape: RecordShape) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys([_modified(shape), *columns_of(shape)]) if name != OWN_KEY)


def _modified(shape: RecordShape) -> str:
    return "lastmodifieddate" if shape.object == "contacts" else "hs_lastmodifieddate"


def _columns(page: Mapping[str, JsonValue]) -> list[Columns]:
    results = page.get("results")
    if not isinstance(results, list):
        raise TransientSourceError("HubSpot sent a page without results.", remedy=NEXT_SYNC)
    return [_flat(result) for result in results if isinstance(result, dict)]


def _flat(result: dict[str, JsonValue]) -> Columns:
    properties = result.get("properties")
    return {**(properties if isinstance(properties, dict) else {}), OWN_KEY: result.get("id")}


def _next(page: Mapping[str, JsonValue]) -> str:
    return identity(column(page, "paging.next.after"))


def _changed_at(shape: RecordShape, columns: Mapping[str, JsonValue]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(columns.get(_modified(shape))))
    except ValueError:
        return None
