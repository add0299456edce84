"""Salesforce's REST API as documented: OAuth client credentials, SOQL query with paging, the log of deletions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

from tests.servers.base import Answer, LocalServer, Request

API = "/services/data/v62.0"
SOQL = re.compile(
    r"SELECT (?P<fields>[\w., ]+) FROM (?P<object>\w+)(?: WHERE LastModifiedDate >= (?P<since>[\dT:Z-]+))? ORDER BY LastModifiedDate, Id"
)
CLIENT = {"client_id": "id-of-app", "client_secret": "hush"}


@dataclass
class Org:
    """Records by object and id; `deleted` holds the moment of each deletion."""

    records: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    deleted: dict[str, dict[str, datetime]] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def put(self, kind: str, record: str, **fields: object) -> None:
        stamp = f"{self.now:%Y-%m-%dT%H:%M:%S}.000+0000"
        self.records.setdefault(kind, {})[record] = {"Id": record, "LastModifiedDate": stamp, **fields}

    def delete(self, kind: str, record: str) -> None:
        del self.records[kind][record]
        self.deleted.setdefault(kind, {})[record] = self.now


class SalesforceServer(LocalServer):
    """`page` records to a page. `expire_after` requests a token stops being good; `limited` queries are refused first."""

    def __init__(self, page: int = 2) -> None:
        super().__init__()
        self.org = Org()
        self.page = page
        self.expire_after: int | None = None
        self.limited = 0
        self.retry_after: str | None = "1"
        self.log_reaches = self.org.now - timedelta(days=15)
        self.break_at: int | None = None
        self.queries: list[str] = []
        self._token = 0
        self._uses = 0
        self._listings: dict[str, list[dict[str, object]]] = {}

    def answer(self, request: Request) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._sign_in(request)
        refused = self._refuse(request)
        if refused:
            return refused
        if request.path == f"{API}/query":
            return self._query(request.query["q"])
        if request.path.startswith(f"{API}/query/"):
            return self._more(request.path)
        return self._deleted(request)

    def _reply(self, body: object, status: int = 200, **headers: str) -> Answer:
        return Answer(
            status,
            json.dumps(body).encode(),
            {"content-type": "application/json", "date": format_datetime(self.org.now, usegmt=True), **headers},
        )

    def _error(self, status: int, code: str, message: str, **headers: str) -> Answer:
        return self._reply([{"message": message, "errorCode": code}], status, **headers)

    def _sign_in(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form != {"grant_type": "client_credentials", **CLIENT}:
            return self._reply({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        self._token += 1
        self._uses = 0
        return self._reply({"access_token": f"token-{self._token}", "instance_url": self.url, "token_type": "Bearer"})

    def _refuse(self, request: Request) -> Answer | None:
        self._uses += 1
        expired = self.expire_after is not None and self._uses > self.expire_after
        if request.headers.get("authorization") != f"Bearer token-{self._token}" or expired:
            return self._error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.limited:
            self.limited -= 1
            headers = {"retry-after": self.retry_after} if self.retry_after else {}
            return self._error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", **headers)
        return None

    def _query(self, soql: str) -> Answer:
        self.queries.append(soql)
        found = SOQL.fullmatch(soql)
        if not found:
            return self._error(400, "MALFORMED_QUERY", f"unexpected token in {soql}")
        fields, since = found["fields"].split(", "), found["since"]
        known = {name for record in self.org.records.get(found["object"], {}).values() for name in record}
        for name in fields:
            if known and name.partition(".")[0] not in known:
                return self._error(400, "INVALID_FIELD", f"No such column '{name}' on entity '{found['object']}'.")
        rows = [row for row in self.org.records.get(found["object"], {}).values() if not since or _stamp(row) >= _instant(since)]
        rows.sort(key=lambda row: (_stamp(row), str(row["Id"])))
        attributes = {"type": found["object"]}
        chosen = [{"attributes": attributes, **{name: row.get(name) for name in fields}} for row in rows]
        locator = f"01g{len(self._listings):06d}"
        self._listings[locator] = chosen
        return self._page(locator, 0)

    def _more(self, path: str) -> Answer:
        locator, _, start = path.rpartition("/")[2].rpartition("-")
        if locator not in self._listings:
            return self._error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        if self.break_at is not None and int(start) >= self.break_at:
            return self._error(503, "SERVER_UNAVAILABLE", "Down for maintenance.")
        return self._page(locator, int(start))

    def _page(self, locator: str, start: int) -> Answer:
        rows = self._listings[locator]
        end = start + self.page
        body: dict[str, object] = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
        if end < len(rows):
            body["nextRecordsUrl"] = f"{API}/query/{locator}-{end}"
        return self._reply(body)

    def _deleted(self, request: Request) -> Answer:
        kind = request.path.removeprefix(f"{API}/sobjects/").partition("/")[0]
        start, end = _instant(request.query["start"]), _instant(request.query["end"])
        if end - start < timedelta(minutes=1) or start < self.org.now - timedelta(days=30):
            return self._error(400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
        rows = [
            {"id": record, "deletedDate": moment.isoformat()}
            for record, moment in self.org.deleted.get(kind, {}).items()
            if start <= moment <= end
        ]
        return self._reply(
            {"deletedRecords": rows, "earliestDateAvailable": self.log_reaches.isoformat(), "latestDateCovered": end.isoformat()}
        )


def _stamp(row: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(row["LastModifiedDate"]))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
