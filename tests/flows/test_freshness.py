"""The demo company's website and handbook, served here, changed underneath, and served again: how long that takes, as the service says."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from context_service.app import App, assemble
from context_service.cli.demo import AGENT, COMPANY, SITE_BASE, pointed_at
from context_service.cli.serving import Background
from context_service.cli.site import serve_site
from context_service.declarations.company import Declarations, load
from context_service.model.access import Grant, Principal, PrincipalKind
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.source import Promise
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker

INTERVAL = 3
SLACK = 10
AT_ONCE = 2
OPERATOR = Principal(id="omar", kind=PrincipalKind.PERSON, operator=True, grant=Grant(sources="*"))
HANDBOOK_TEXT = (
    "---\ntitle: Balloon rides\n---\n# Balloon rides\n\nA balloon ride for two is raffled among all members in the month of {}.\n"
)
PAGE = (
    '<!doctype html><html lang="en"><head><title>Lighthouse tours | Tidewell</title></head><body><main><h1>Lighthouse tours</h1>'
    "<p>Tidewell members visit the old lighthouse on every second {} of the month, at noon, in groups of nine.</p></main></body></html>"
)


@dataclass(frozen=True)
class Demo:
    """The demo company's texts, where they can be changed, and the service over them."""

    app: App
    docs: Path
    site: Path
    url: str
    key: str

    def ask(self, question: str) -> ContextReply:
        return self.app.answer(ContextRequest(query=question, workflow="refund"), AGENT)

    def tells(self, question: str, words: str) -> bool:
        return any(words in item.text for item in self.ask(question).items)

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=30).json()

    def post(self, path: str) -> None:
        httpx.post(self.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=30).raise_for_status()

    def freshness(self, source: str) -> dict[str, Any]:
        return dict(next(one for one in self.get("/freshness")["sources"] if one["source"] == source))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Handbook and website in a copy, synced every few seconds by the service that serves them."""
    company = tmp_path_factory.mktemp("demo") / "company"
    shutil.copytree(COMPANY, company)
    with serve_site(company / "website" / "site", SITE_BASE) as site:
        declarations = often(pointed_at(load(company / "context.yaml"), site.url))
        settings = Settings(config=company / "context.yaml", data=company / "data", schedule=True)
        with assemble(settings, declarations, FakeEmbedder(), FakeReranker(), now=lambda: datetime.now(UTC)) as app:
            key = app.register(OPERATOR, "test")
            with app.scheduled(), Background(app, "127.0.0.1", free_port()) as service:
                until(lambda: {"handbook", "website"} <= app.records.checked_at().keys(), 120)
                yield Demo(app, declarations.folders["handbook"], company / "website" / "site", service.url, key)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def often(declarations: Declarations) -> Declarations:
    promise = Promise(every=timedelta(seconds=INTERVAL), jitter=timedelta(0), due=timedelta(days=1))
    sources = {name: declarations.sources[name].model_copy(update={"freshness": promise}) for name in ("handbook", "website")}
    workflow = declarations.workflows["refund"].model_copy(update={"sources": "*", "must_include": (), "minimum_confidence": 0.0})
    return replace(declarations, sources=sources, workflows={"refund": workflow})


def until(look: Callable[[], bool], seconds: float) -> float:
    """The seconds until `look` holds, which has to happen within `seconds`."""
    begun = time.monotonic()
    while not look():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_what_changes_at_the_source_is_served_within_the_interval_and_ten_seconds(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    page = demo.site / "lighthouse" / "index.html"
    page.parent.mkdir()
    index, link = demo.site / "index.html", '<a href="/lighthouse/">Lighthouse</a></body>'
    took: dict[str, float] = {}
    for step, (month, day) in enumerate((("May", "Sunday"), ("June", "Monday"))):
        (demo.docs / "balloon.md").write_text(HANDBOOK_TEXT.format(month), "utf-8")
        page.write_text(PAGE.format(day), "utf-8")
        if not step:
            index.write_text(index.read_text("utf-8").replace("</body>", link), "utf-8")
        took[f"handbook {month}"] = until(lambda: demo.tells("When is the balloon ride raffled among members?", month), INTERVAL + SLACK)  # noqa: B023
        took[f"website {day}"] = until(lambda: demo.tells("When do members visit the old lighthouse?", day), INTERVAL + SLACK)  # noqa: B023
    (demo.docs / "balloon.md").unlink()
    page.unlink()
    took["handbook deletion"] = until(
        lambda: not demo.tells("When is the balloon ride raffled among members?", "raffled"), INTERVAL + SLACK
    )
    took["website deletion"] = until(lambda: not demo.tells("When do members visit the old lighthouse?", "lighthouse"), INTERVAL + SLACK)
    for source in ("handbook", "website"):
        seen = demo.freshness(source)
        assert (seen["state"], seen["breached"]) == ("fresh", False)
        assert seen["lag"]["changes"] >= 3
        assert 0 < seen["lag"]["p50_seconds"] <= seen["lag"]["p95_seconds"] < INTERVAL + SLACK
        assert seen["changed_at"]
        took[f"{source} p50, p95"] = (seen["lag"]["p50_seconds"], seen["lag"]["p95_seconds"])  # type: ignore[assignment]  # only shown
    with capsys.disabled():
        print(f"\nchange to served, seconds: {json.dumps(took, default=str)}")  # noqa: T201 - a figure for whoever runs this


def test_a_permission_that_is_tightened_binds_at_once_when_the_source_says_so(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    path = demo.docs / "kite.md"
    text = "---\ntitle: Kite day\n{}---\n# Kite day\n\nOn kite day every member flies a purple kite above the harbour.\n"
    path.write_text(text.format(""), "utf-8")
    until(lambda: demo.tells("Who flies a purple kite on kite day?", "purple"), INTERVAL + SLACK)
    release = demo.app.records.head()
    path.write_text(text.format("access: {classification: restricted, audiences: [staff]}\n"), "utf-8")
    os.utime(path)
    begun = time.monotonic()
    demo.post("/freshness/handbook/sync")
    until(lambda: not demo.tells("Who flies a purple kite on kite day?", "purple"), AT_ONCE)
    took = time.monotonic() - begun
    old = demo.app.answer(ContextRequest(query="Who flies a purple kite on kite day?", workflow="refund", release=release), AGENT)
    assert not any("purple" in item.text for item in old.items), "older releases are bound too"
    with capsys.disabled():
        print(f"\npermission change, seconds: {took:.2f}")  # noqa: T201 - a figure for whoever runs this
