"""A software company's policies as they stood from 2018 to 2023, and a company whose source a test takes through those years."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path

from context_service.app import App, assemble, new_id
from context_service.declarations.company import load
from context_service.errors import SourceError
from context_service.ingest.connector import Limits
from context_service.ingest.parsing import ParserPool
from context_service.ingest.pipeline import Ingest, Report
from context_service.ingest.plugins import connector_kind
from context_service.ingest.progress import Silent
from context_service.model.context import ContextReply, ContextRequest, Item
from context_service.model.document import Content, Parsed
from context_service.retrieval.assemble import GAP
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker
from tests.flows.small import AGENT, WORKFLOW
from tests.parsing import SHARED

HISTORY = SHARED / "policies" / "history"
QUESTIONS = {
    "abuse": "What may I not use the products for?",
    "cancellation": "How do I cancel my account, and what happens to my data then?",
    "ownership-bc3": "Who owns a Basecamp account?",
    "refund": "Can I get a full refund if I was just charged for the next month?",
    "refund-hey": "Do you give refunds for HEY when I cancel before the year is up?",
    "security-response": "How do I report a security problem that I have found?",
    "sla": "What uptime do you guarantee, and what do I get when you fall short of it?",
    "taxes": "In which states do you collect sales tax?",
}
"""Policy -> what it answers. `privacy` and `terms` are left out: five sixths of the text, and no other kind of change."""

UNREADABLE = frozenset({("security-response", date(2020, 3, 30)), ("security-response", date(2020, 3, 31))})
"""Versions whose front matter is no valid YAML (`'Here's how'`); until the next one the company told what it could read last."""

FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
DEFINITION = re.compile(r"^\[[^\]]+\]: .*$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
PICTURE = re.compile(r'<img[^>]*? alt="([^"]*)"[^>]*>')
TAG = re.compile(r"<[^>]*>")
TITLE = re.compile(r"^(?:title:|#) *(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Version:
    """A policy as it stood from a day on."""

    policy: str
    day: date
    path: Path

    @property
    def text(self) -> str:
        """The file."""
        return self.path.read_text("utf-8")

    @property
    def title(self) -> str:
        """What its front matter, or else its first heading, calls it."""
        found = TITLE.search(self.text)
        assert found
        return found[1].strip("'\"")

    @property
    def words(self) -> str:
        """What it says, as `words` puts it."""
        return words(FRONT.sub("", self.text))


@cache
def words(markdown: str) -> str:
    """The letters and digits of what a reader sees, whatever markup stands around them."""
    unlinked = LINK.sub(r"\1", DEFINITION.sub("", markdown))
    seen = unescape(TAG.sub("", PICTURE.sub(r"\1", unlinked)))
    return "".join(character for character in seen.casefold() if character.isalnum())


def lines(text: str) -> list[str]:
    """The lines of a text that say something, and the parts around what was taken out."""
    return [line for part in text.split(GAP) for line in part.splitlines() if words(line)]


class History:
    """Every version of some policies, by day."""

    def __init__(self, policies: Iterable[str]) -> None:
        self.versions = {name: [Version(name, date.fromisoformat(one.stem), one) for one in _files(name)] for name in sorted(policies)}
        self.readable = {name: [one for one in versions if (name, one.day) not in UNREADABLE] for name, versions in self.versions.items()}

    @property
    def days(self) -> list[date]:
        """Days on which something changed, in order."""
        return sorted({version.day for versions in self.versions.values() for version in versions})

    def changed_on(self, day: date) -> dict[str, Version]:
        """What got a new text on a day."""
        return {name: one for name, versions in self.versions.items() for one in versions if one.day == day}

    def standing(self, day: date) -> dict[str, Version]:
        """What stood on a day, as far as it can be read."""
        begun = {name: [one for one in versions if one.day <= day] for name, versions in self.readable.items()}
        return {name: versions[-1] for name, versions in begun.items() if versions}

    def before(self, version: Version) -> Version | None:
        """What stood the day before a version."""
        return self.standing(version.day - timedelta(days=1)).get(version.policy)

    def windows(self) -> Iterator[tuple[Version, date | None]]:
        """Each version that can be read with its last day; None while it stands."""
        for versions in self.readable.values():
            for one, following in pairwise([*versions, None]):
                assert one
                yield one, following.day - timedelta(days=1) if following else None


def _files(policy: str) -> list[Path]:
    return sorted((HISTORY / policy).glob("*.md"))


class Remembering(ParserPool):
    """Parses in this process, the same bytes once in all."""

    parsed: dict[bytes, Parsed] = {}

    def submit(self, kind: str, content: Content) -> Future[Parsed]:
        """See ParserPool.submit."""
        done: Future[Parsed] = Future()
        try:
            if content.raw not in self.parsed:
                self.parsed[content.raw] = connector_kind(kind).parse(content, Limits())
            done.set_result(self.parsed[content.raw])
        except SourceError as error:
            done.set_exception(error)
        return done


class Archive:
    """The company: its files, its service, and the time it is there."""

    def __init__(self, folder: Path, app: Callable[[Callable[[], datetime]], App]) -> None:
        self.folder = folder
        self.at = noon(date(2018, 1, 1))
        self.app = app(lambda: self.at)
        self._parsers = Remembering(Limits())

    def write(self, texts: Mapping[str, str | None], day: date) -> None:
        """Write files of the source as changed on `day`, or delete those that are None."""
        for name, text in texts.items():
            path = self.folder / "policies" / "texts" / f"{name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
                continue
            path.write_text(text, "utf-8")
            stamp = noon(day).timestamp()
            os.utime(path, (stamp, stamp))

    def ingest(self, at: datetime) -> Report:
        """Sync and publish at a moment."""
        self.at = at
        app = self.app
        tools = {"now": app.now, "new_id": new_id, "limits": Limits(), "gatekeeper": app.control.gates, "parsers": self._parsers}
        ingest = Ingest(app.records, app.index, app.embedder, **tools)  # type: ignore[arg-type]  # the names say which is which
        return ingest.run(load(self.folder / "context.yaml"), ["policies"], "test", Silent())

    def publish(self, texts: Mapping[str, str | None], day: date) -> int:
        """Write, sync and publish in the morning of `day`; returns the release."""
        self.write(texts, day)
        release = self.ingest(morning(day)).release
        assert release
        return release.number

    def ask(self, query: str, **more: object) -> ContextReply:
        """What the agent gets."""
        return self.app.answer(ContextRequest.model_validate({"query": query, "workflow": "support", **more}), AGENT)


COMPANY = """\
name: Seven Signs
authority: {policy: 80}
audiences: [customer-agents]
gates: {conflict_severity: null}
sources: ["*/source.yaml"]
"""
SOURCE = """\
id: policies
kind: docs
title: Policies
owner: policy-team
authority: policy
access: {classification: public, audiences: [customer-agents]}
location: texts
"""


def declare(folder: Path, rules: Iterable[str] = ()) -> None:
    """Declare the company in `folder`, its source with these rules."""
    for part in ("policies/texts", "workflows"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "context.yaml").write_text(COMPANY)
    (folder / "workflows" / "support.yaml").write_text(WORKFLOW)
    (folder / "policies" / "source.yaml").write_text(SOURCE + "".join(["rules:\n", *rules] if rules else []))


@contextmanager
def opened(folder: Path, rules: Iterable[str] = ()) -> Iterator[Archive]:
    """The company in a new folder."""
    declare(folder, rules)
    settings = Settings(config=folder / "context.yaml", data=folder / "data", schedule=False)

    def app(now: Callable[[], datetime]) -> App:
        return assemble(settings, load(settings.config), FakeEmbedder(), FakeReranker(), now=now)

    archive = Archive(folder, app)
    with archive.app:
        yield archive


def morning(day: date) -> datetime:
    """When a day's changes are published."""
    return datetime.combine(day, time(9), UTC)


def noon(day: date) -> datetime:
    """When questions are asked about a day."""
    return datetime.combine(day, time(12), UTC)


def policy_of(item: Item) -> str:
    """The policy that an item is from, in whichever version."""
    return item.document.removeprefix("policies:").removesuffix(".md").partition("/")[0]
