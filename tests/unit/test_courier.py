"""Webhooks over real HTTP: what they are sent, how often, and that none of them holds up anything."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event as Flag

import pytest

from context_service.app import post_webhook
from context_service.model.context import Freshness
from context_service.model.schedule import Attempt, Delivery, DeliveryState, Event, EventKind
from context_service.model.source import Webhook
from context_service.records.protocol import RecordStore
from context_service.records.sql import open_records
from context_service.schedule.courier import RETRIES, Courier, after, signature
from context_service.schedule.monitor import deliveries
from tests.servers.web import WebServer, always, in_turn

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRETS = {"PAGER_SECRET": "a secret of both"}
EVENT = Event(
    id="e1", at=NOW, kind=EventKind.WORSENED, source="docs", title="Docs", owner="docs-team", before=Freshness.FRESH, after=Freshness.STALE,
    failures=0, reason=None, message="Docs was last checked 200.0 hours ago and is stale.", told=("pager", "docs-team"),
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def records() -> Iterator[RecordStore]:
    store = open_records("sqlite://")
    yield store
    store.close()


def hook(url: str, **fields: object) -> Webhook:
    return Webhook.model_validate({"url": url, "secret_env": "PAGER_SECRET", "allow_private": True, **fields})


def told(records: RecordStore, webhooks: dict[str, Webhook]) -> None:
    with records.writing() as tx:
        tx.add_event(EVENT, list(deliveries(EVENT, webhooks, NOW)))


def carry(records: RecordStore, webhooks: dict[str, Webhook], clock: Clock) -> list[Delivery]:
    """Deliver what is due and wait for it."""
    with Courier(records, webhooks, secret=SECRETS.get, post=post_webhook, now=clock) as courier:
        courier.deliver()
        courier._threads.shutdown(wait=True)
    return records.deliveries([EVENT.id])


def test_a_delivery_is_signed_over_its_time_and_its_words(records: RecordStore, web: WebServer, clock: Clock) -> None:
    web.pages["/in"] = always(204)
    webhooks = {"pager": hook(f"{web.url}/in")}
    told(records, webhooks)
    (delivered,) = carry(records, webhooks, clock)
    assert (delivered.state, delivered.attempts, delivered.next_at) == (DeliveryState.DELIVERED, (Attempt(at=NOW, status=204),), None)
    (request,) = web.requests
    assert request.method == "POST"
    assert json.loads(request.body) == EVENT.model_dump(mode="json")
    stamp = request.headers["x-context-timestamp"]
    assert stamp == str(int(NOW.timestamp()))
    expected = hmac.new(b"a secret of both", stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-context-signature"] == f"sha256={expected}" == signature("a secret of both", stamp, request.body)
    assert request.headers["x-context-event"] == "e1"


def test_a_webhook_that_refuses_is_tried_again_later_and_delivered_once(records: RecordStore, web: WebServer, clock: Clock) -> None:
    web.pages["/in"] = in_turn(always(503), always(302, location="/elsewhere"), always(400), always(200))
    webhooks = {"pager": hook(f"{web.url}/in")}
    told(records, webhooks)
    for attempt, wait in enumerate(RETRIES[:3], 1):
        (pending,) = carry(records, webhooks, clock)
        assert (pending.state, len(pending.attempts), pending.next_at) == (DeliveryState.PENDING, attempt, clock.now + wait)
        assert len(carry(records, webhooks, clock)[0].attempts) == attempt, "not before its time"
        clock.now += wait
    (delivered,) = carry(records, webhooks, clock)
    assert delivered.state is DeliveryState.DELIVERED
    assert [bool(attempt.error) for attempt in delivered.attempts] == [True, True, True, False]
    clock.now += timedelta(days=30)
    carry(records, webhooks, clock)
    assert web.fetched("/in") == 4
    assert web.fetched("/elsewhere") == 0


def test_one_that_never_answers_is_given_up_and_what_was_tried_is_kept() -> None:
    delivery = Delivery(id="e1:pager", event="e1", webhook="pager", next_at=NOW)
    for _ in range(len(RETRIES) + 1):
        assert delivery.state is DeliveryState.PENDING
        delivery = after(delivery, Attempt(at=NOW, error="It answered 500."), NOW)
    assert (delivery.state, delivery.next_at, len(delivery.attempts)) == (DeliveryState.ABANDONED, None, 8)


def test_a_private_address_is_refused_unless_it_is_allowed(records: RecordStore, web: WebServer, clock: Clock) -> None:
    web.pages["/in"] = always(204)
    webhooks = {"pager": hook(f"{web.url}/in", allow_private=False)}
    told(records, webhooks)
    (refused,) = carry(records, webhooks, clock)
    assert "127.0.0.1" in (refused.attempts[0].error or "")
    assert web.requests == []


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        (lambda url: {}, "not declared any more"),
        (lambda url: {"pager": hook(url, secret_env="NOBODY_SET_THIS")}, "set NOBODY_SET_THIS"),
        (lambda url: {"pager": hook("http://127.0.0.1:1/in")}, "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_sent_says_why(
    records: RecordStore, web: WebServer, clock: Clock, declared: Callable[[str], dict[str, Webhook]], error: str
) -> None:
    told(records, {"pager": hook(f"{web.url}/in")})
    (failed,) = carry(records, declared(f"{web.url}/in"), clock)
    assert error in (failed.attempts[0].error or "")
    assert failed.state is DeliveryState.PENDING


def test_one_that_hangs_holds_up_neither_the_others_nor_who_delivers(records: RecordStore, clock: Clock) -> None:
    begun_slowly, hangs, heard = Flag(), Flag(), Flag()

    def post(webhook: Webhook, headers: object, body: bytes) -> int:
        if webhook.url.endswith("slow"):
            begun_slowly.set()
            hangs.wait(20)
        else:
            heard.set()
        return 200

    webhooks = {"pager": hook("https://x.test/slow", teams=["docs-team"]), "chat": hook("https://x.test/quick", teams=["docs-team"])}
    told(records, webhooks)
    with Courier(records, webhooks, secret=SECRETS.get, post=post, now=clock) as courier:
        begun = time.monotonic()
        courier.deliver()
        courier.deliver()
        assert time.monotonic() - begun < 5
        assert heard.wait(10)
        assert begun_slowly.wait(10)
        hangs.set()
    assert {one.webhook: len(one.attempts) for one in records.deliveries(["e1"])} == {"pager": 1, "chat": 1}


def test_webhooks_hear_by_name_or_through_a_team() -> None:
    webhooks = {
        "pager": hook("https://x.test"),
        "chat": hook("https://x.test", teams=["docs-team", "web-team"]),
        "other": hook("https://x.test", teams=["web-team"]),
    }
    assert [one.webhook for one in deliveries(EVENT, webhooks, NOW)] == ["chat", "pager"]
