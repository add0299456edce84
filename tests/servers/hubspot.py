"""HubSpot's CRM API as documented: listings with `after`, search with its window, archived records, rate limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.servers.base import Answer, LocalServer, Request

OBJECTS = "/crm/v3/objects/"
TOKEN = "pat-eu1-good"


class HubspotServer(LocalServer):
    """Records are put in the order of their ids. `limited` requests are refused first, with `policy`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.archived: dict[str, dict[str, dict[str, Any]]] = {}
        self.limited = 0
        self.policy = "TEN_SECONDLY_ROLLING"
        self.retry_after: str | None = None
        self.searches: list[dict[str, Any]] = []

    def put(self, kind: str, record: str, **properties: str) -> None:
        modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        stamp = f"{self.now:%Y-%m-%dT%H:%M:%S}.{self.now.microsecond // 1000:03d}Z"
        self.records.setdefault(kind, {})[record] = {"hs_object_id": record, modified: stamp, **properties}

    def archive(self, kind: str, record: str) -> None:
        self.archived.setdefault(kind, {})[record] = self.records[kind].pop(record)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._reply({"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token expired."}, 401)
        if self.limited:
            self.limited -= 1
            headers = {"retry-after": self.retry_after} if self.retry_after else {}
            said = {"status": "error", "errorType": "RATE_LIMIT", "policyName": self.policy, "message": "You have reached your limit."}
            return self._reply(said, 429, **headers)
        kind, _, action = request.path.removeprefix(OBJECTS).partition("/")
        if kind not in self.records:
            return self._reply(
                {"status": "error", "category": "OBJECT_NOT_FOUND", "message": f"Unable to infer object type from: {kind}"}, 400
            )
        return self._search(kind, json.loads(request.body)) if action == "search" else self._listing(kind, request)

    def _reply(self, body: object, status: int = 200, **headers: str) -> Answer:
        own = {"content-type": "application/json", "date": format_datetime(self.now, usegmt=True)}
        return Answer(status, json.dumps(body).encode(), {**own, **headers})

    def _listing(self, kind: str, request: Request) -> Answer:
        archived = request.query.get("archived") == "true"
        rows = (self.archived if archived else self.records).get(kind, {}).items()
        start, limit = int(request.query.get("after", "0")), int(request.query["limit"])
        names = request.query.get("properties", "").split(",")
        left = [row for row in rows if int(row[0]) > start]
        body: dict[str, Any] = {"results": [_result(row, names, archived=archived) for row in left[:limit]]}
        if len(left) > limit:
            body["paging"] = {"next": {"after": left[limit - 1][0], "link": "not followed"}}
        return self._reply(body)

    def _search(self, kind: str, wanted: dict[str, Any]) -> Answer:
        self.searches.append(wanted)
        only = wanted["filterGroups"][0]["filters"][0]
        name, start, limit = only["propertyName"], int(wanted["after"]), wanted["limit"]
        if start + limit > 10_000 or limit > 200:
            return self._reply({"status": "error", "message": "There is a limit of 10000 results."}, 400)
        since = f"{datetime.fromtimestamp(int(only['value']) / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"
        found = [row for row in self.records[kind].items() if row[1][name].rstrip("Z").ljust(26, "0") >= since]
        found.sort(key=lambda row: row[1][name])
        page = found[start : start + limit]
        body: dict[str, Any] = {"total": len(found), "results": [_result(row, wanted["properties"], archived=False) for row in page]}
        if start + limit < len(found):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return self._reply(body)


def _result(row: tuple[str, dict[str, Any]], names: list[str], *, archived: bool) -> dict[str, Any]:
    return {"id": row[0], "properties": {name: row[1].get(name) for name in names}, "archived": archived}
