"""Going through the console as a browser does, and reading its pages as people do."""

from __future__ import annotations

import html
import re

from starlette.testclient import TestClient


def token_of(page: str) -> str:
    """The token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def log_in(client: TestClient, key: str, then: str = "") -> TestClient:
    """Log in through the form."""
    token = token_of(client.get("/console/login").text)
    reply = client.post("/console/login", data={"csrf": token, "key": key, "then": then})
    assert reply.status_code == 303, reply.text
    return client


def text_of(page: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def conflict_link(client: TestClient, words: str) -> str:
    """The address of the conflict whose entry in the list holds `words`."""
    entries = client.get("/console/conflicts").text.split('<li class="card">')[1:]
    (entry,) = [entry for entry in entries if words in text_of(entry)]
    found = re.search(r'href="(/console/conflicts/\w+)"', entry)
    assert found
    return found[1]


def ask(client: TestClient, **fields: str) -> tuple[int, str]:
    """The status and the words of the page that answers a question."""
    token = token_of(client.get("/console/ask").text)
    reply = client.post("/console/ask", data={"csrf": token, "workflow": "refund", "channel": "chat", **fields})
    return reply.status_code, text_of(reply.text)
