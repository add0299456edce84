"""Salesforce over its REST API: OAuth 2.0 client credentials, SOQL listings, and the log of deletions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import Field, JsonValue

from context_service.errors import SourceError, TerminalSourceError, TransientSourceError
from ingestors.crm_live import LiveOptions, TooOldError, columns_of, json_object, secret
from ingestors.crm_record import Columns, RecordShape, identity
from ingestors.http import NEXT_SYNC, Ask, GuardedClient, Reply

API = "/services/data/v62.0"
OWN_KEY = "Id"
MODIFIED = "LastModifiedDate"
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,4}")
CLOSED_LOG = ("INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT")


class SalesforceOptions(LiveOptions):
    """`options` of a crm source with provider `salesforce`; `base_url` is the org's My Domain address."""

    provider: Literal["salesforce"]
    client_id_env: str = Field("SALESFORCE_CLIENT_ID", description="Environment variable of the connected app's consumer key.")
    client_secret_env: str = Field("SALESFORCE_CLIENT_SECRET", description="Environment variable of its secret.")
    page_size: int = Field(2000, ge=200, le=2000, description="Records asked for at a time; the server may send fewer.")


class Salesforce:
    """The provider for one org. The token is asked for once, and again whenever it has expired."""

    def __init__(self, options: SalesforceOptions, client: GuardedClient, environ: Mapping[str, str]) -> None:
        self._options = options
        self._client = client
        self._environ = environ
        self._base = options.base_url.rstrip("/")
        self._token = ""

    def begin(self) -> datetime | None:
        """Sign in. Raises TerminalSourceError when the org refuses the app."""
        names = (self._options.client_id_env, self._options.client_secret_env)
        form = {"grant_type": "client_credentials", "client_id": secret(self._environ, names[0])}
        form["client_secret"] = secret(self._environ, names[1])
        reply = self._client.send(
            Ask(
                "POST",
                f"{self._base}/services/oauth2/token",
                headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
                content=urlencode(form).encode(),
                follow=lambda _target: False,
            )
        )
        answer = json_object(reply)
        if reply.status != 200 or not isinstance(answer.get("access_token"), str):
            raise TerminalSourceError(
                f"Salesforce refused to sign in: {answer.get('error_description') or answer.get('error') or reply.status}.",
                remedy=f"Check {names[0]} and {names[1]}, and that the connected app allows the client credentials flow.",
            )
        self._token = str(answer["access_token"])
        return reply.date

    def everything(self, shape: RecordShape) -> Iterator[Columns]:
        """All records the integration user can see, in the order of their changes."""
        yield from self._query(f"{_select(shape)} ORDER BY {MODIFIED}, {OWN_KEY}")

    def changed(self, shape: RecordShape, since: datetime) -> Iterator[Columns]:
        """The records changed since then."""
        yield from self._query(f"{_select(shape)} WHERE {MODIFIED} >= {_instant(since)} ORDER BY {MODIFIED}, {OWN_KEY}")

    def deleted(self, shape: RecordShape, since: datetime, until: datetime) -> list[str]:
        """The ids in the log of deletions, which reaches back about 15 days and knows no other key."""
        if shape.key != OWN_KEY:
            raise TooOldError
        window = urlencode({"start": _instant(since, "+00:00"), "end": _instant(until, "+00:00")})
        answer = self._get(f"{API}/sobjects/{shape.object}/deleted/?{window}")
        reaches = _parsed(answer.get("earliestDateAvailable"))
        if reaches and reaches > since:
            raise TooOldError
        return [identity(entry.get("id")) for entry in _records(answer, "deletedRecords")]

    def url(self, shape: RecordShape, record: str) -> str:  # noqa: ARG002  (Salesforce finds the kind by the id)
        """The record's page."""
        return f"{self._base}/{quote(record, safe='')}"

    def _query(self, soql: str) -> Iterator[Columns]:
        path, seen = f"{API}/query?{urlencode({'q': soql})}", set[str]()
        while path not in seen:
            seen.add(path)
            page = self._get(path)
            yield from _records(page, "records")
            following = page.get("nextRecordsUrl")
            if not following:
                return
            path = str(following)
            if not path.startswith("/services/data/"):
                break
        raise TransientSourceError("Salesforce's listing leads in a circle or elsewhere.", remedy=NEXT_SYNC)

    def _get(self, path: str) -> dict[str, JsonValue]:
        reply = self._send(path)
        if reply.status == 401:
            # Tokens expire in the middle of long listings; the listing itself goes on.
            self.begin()
            reply = self._send(path)
        if reply.status != 200:
            raise self._refused(reply)
        return json_object(reply)

    def _send(self, path: str) -> Reply:
        headers = {
            "authorization": f"Bearer {self._token}",
            "accept": "application/json",
            "sforce-query-options": f"batchSize={self._options.page_size}",
        }
        return self._client.send(Ask("GET", self._base + path, headers=headers, follow=lambda _target: False))

    def _refused(self, reply: Reply) -> SourceError | TooOldError:
        code, message = _complaint(reply)
        if code in CLOSED_LOG:
            return TooOldError()
        if code in ("REQUEST_LIMIT_EXCEEDED", "INVALID_QUERY_LOCATOR", "SERVER_UNAVAILABLE"):
            return TransientSourceError(f"Salesforce answered {reply.status} {code}: {message}", remedy=NEXT_SYNC)
        return TerminalSourceError(
            f"Salesforce answered {reply.status} {code}: {message}",
            remedy="Check `options.objects` and `options.fields`, and what the integration user may read.",
        )


def _select(shape: RecordShape) -> str:
    names = dict.fromkeys([OWN_KEY, MODIFIED, *columns_of(shape)])
    return f"SELECT {', '.join(names)} FROM {shape.object}"  # noqa: S608  (live_shapes has checked every name)


def _instant(moment: datetime, zone: str = "Z") -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{zone}"


def _parsed(value: JsonValue) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _records(page: Mapping[str, JsonValue], name: str) -> list[dict[str, JsonValue]]:
    found = page.get(name)
    if not isinstance(found, list):
        raise TransientSourceError(f"Salesforce sent a page without {name}.", remedy=NEXT_SYNC)
    return [record for record in found if isinstance(record, dict)]


def _complaint(reply: Reply) -> tuple[str, str]:
    try:
        found = json.loads(reply.body)
    except ValueError:
        return "", ""
    first = found[0] if isinstance(found, list) and found else found
    return (str(first.get("errorCode", "")), str(first.get("message", ""))) if isinstance(first, dict) else ("", "")
