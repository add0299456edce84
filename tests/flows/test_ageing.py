"""A text that can no longer be read at its source ages by itself, however often its source is checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from context_service.app import assemble
from context_service.declarations.company import load
from context_service.ingest.progress import Silent
from context_service.model.context import ContextReply, Freshness
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker
from tests.flows.small import NOW, SmallCompany, ask

TEXTS = {"kettle": "The kettle holds two litres of water.", "lamp": "The lamp shines for ten hours."}


@pytest.fixture
def company(tmp_path: Path) -> SmallCompany:
    written = SmallCompany.write(tmp_path / "company", TEXTS)
    written.declare("freshness: {due: 1d, stale: 7d, expired: 30d, when_expired: withhold}\n")
    return written


def sync(company: SmallCompany, at: datetime) -> None:
    with assemble(company_settings(company), load(company.folder / "context.yaml"), FakeEmbedder(), FakeReranker(), now=lambda: at) as app:
        app.ingest([], "test", Silent())


def company_settings(company: SmallCompany) -> Settings:
    return Settings(config=company.folder / "context.yaml", data=company.data)


def freshness_at(company: SmallCompany, at: datetime) -> dict[str, Freshness]:
    with assemble(company_settings(company), load(company.folder / "context.yaml"), FakeEmbedder(), FakeReranker(), now=lambda: at) as app:
        return {item.document: item.freshness for item in ask(app, "What of the kettle and the lamp, water and hours?").items}


def test_an_item_that_fails_ages_while_the_others_stay_fresh(company: SmallCompany) -> None:
    sync(company, NOW)
    lamp = company.texts / "lamp.txt"
    lamp.rename(lamp.with_suffix(".unreachable"))
    sync(company, NOW + timedelta(hours=1))
    later = NOW + timedelta(days=8)
    sync(company, later)
    assert freshness_at(company, later) == {"notes:kettle.txt": Freshness.FRESH, "notes:lamp.txt": Freshness.STALE}


def test_an_item_that_answers_again_is_fresh_again(company: SmallCompany) -> None:
    sync(company, NOW)
    lamp = company.texts / "lamp.txt"
    lamp.rename(lamp.with_suffix(".unreachable"))
    sync(company, NOW + timedelta(hours=1))
    lamp.with_suffix(".unreachable").rename(lamp)
    later = NOW + timedelta(days=8)
    sync(company, later)
    assert set(freshness_at(company, later).values()) == {Freshness.FRESH}


def test_a_text_that_failed_past_its_promise_is_withheld(company: SmallCompany) -> None:
    sync(company, NOW)
    lamp = company.texts / "lamp.txt"
    lamp.rename(lamp.with_suffix(".unreachable"))
    sync(company, NOW + timedelta(hours=1))
    later = NOW + timedelta(days=31)
    sync(company, later)
    assert freshness_at(company, later) == {"notes:kettle.txt": Freshness.FRESH}


def answer_at(company: SmallCompany, at: datetime) -> ContextReply:
    with assemble(company_settings(company), load(company.folder / "context.yaml"), FakeEmbedder(), FakeReranker(), now=lambda: at) as app:
        return ask(app, "Of the lamp: for how many hours does it shine, and what of the kettle?")


def grow_old(company: SmallCompany, name: str) -> datetime:
    """Ingest, then let one text fail until it is stale; returns the time then."""
    sync(company, NOW)
    text = company.texts / f"{name}.txt"
    text.rename(text.with_suffix(".unreachable"))
    sync(company, NOW + timedelta(hours=1))
    later = NOW + timedelta(days=8)
    sync(company, later)
    return later


def test_stale_text_is_told_after_fresher_text_where_its_source_says_so(company: SmallCompany) -> None:
    marked = answer_at(company, grow_old(company, "lamp"))
    assert [(item.document, item.marks) for item in marked.items] == [("notes:lamp.txt", ("stale",)), ("notes:kettle.txt", ())]
    company.declare("freshness: {due: 1d, stale: 7d, expired: 30d, when_stale: demote, when_expired: withhold}\n")
    demoted = answer_at(company, NOW + timedelta(days=8))
    assert [(item.document, item.marks) for item in demoted.items] == [
        ("notes:kettle.txt", ()),
        ("notes:lamp.txt", ("demoted", "stale")),
    ]


def test_stale_text_is_withheld_where_its_source_says_so(company: SmallCompany) -> None:
    company.declare("freshness: {due: 1d, stale: 7d, expired: 30d, when_stale: withhold, when_expired: withhold}\n")
    reply = answer_at(company, grow_old(company, "lamp"))
    assert [item.document for item in reply.items] == ["notes:kettle.txt"]
    assert reply.excluded.counts == {"stale": 1}


def test_due_text_is_told_unmarked_unless_its_source_says_otherwise(company: SmallCompany) -> None:
    sync(company, NOW)
    later = NOW + timedelta(days=2)
    assert {item.marks for item in answer_at(company, later).items} == {()}
    company.declare("freshness: {due: 1d, stale: 7d, expired: 30d, when_due: mark}\n")
    assert {item.marks for item in answer_at(company, later).items} == {("due",)}


def test_another_promise_makes_no_text_be_read_again(company: SmallCompany) -> None:
    sync(company, NOW)
    company.declare("freshness: {every: 5m, due: 1d, stale: 7d, expired: 30d, when_expired: withhold, notify: [support-team]}\n")
    assert company.ingest().runs[0].counts == {"unchanged": 2}
