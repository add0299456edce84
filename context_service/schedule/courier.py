"""Telling webhooks of events: signed, in a bounded time, again and again until they take it, and never in the way of a sync."""

from __future__ import annotations

import hmac
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from types import TracebackType

import structlog

from context_service.errors import ContextServiceError
from context_service.model.schedule import Attempt, Delivery, DeliveryState, Event
from context_service.model.source import Webhook
from context_service.records.protocol import RecordStore

RETRIES = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1_800, 7_200, 21_600, 43_200))
"""Waits between attempts; after the last one a delivery is abandoned."""

SIDE_BY_SIDE = 4
"""Webhooks that are told at the same time; one that hangs holds up itself alone."""

SIGNATURE, TIMESTAMP, EVENT = "x-context-signature", "x-context-timestamp", "x-context-event"
"""Headers of a delivery. `EVENT` is the event's id: a webhook may hear of an event twice and knows it by that."""

Post = Callable[[Webhook, Mapping[str, str], bytes], int]
"""Sends a body with headers and returns the status; raises ContextServiceError when none comes in time."""

log = structlog.get_logger(__name__)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex after `sha256=`. The timestamp counts, so that an old delivery cannot be sent again."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


class Courier:
    """Delivers what is due; a context manager that waits for the attempts under way, which end in time."""

    def __init__(
        self,
        records: RecordStore,
        webhooks: Mapping[str, Webhook],
        *,
        secret: Callable[[str], str | None],
        post: Post,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._webhooks = webhooks
        self._secret = secret
        self._post = post
        self._now = now
        self._threads = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="webhook")
        self._busy: set[str] = set()
        self._ending = False

    def __enter__(self) -> Courier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending = True
        self._threads.shutdown(wait=True, cancel_futures=True)

    def deliver(self) -> None:
        """Begin the attempts that are due; returns at once."""
        due: dict[str, list[tuple[Event, Delivery]]] = defaultdict(list)
        for event, delivery in self._records.due_deliveries(self._now()):
            due[delivery.webhook].append((event, delivery))
        for name, waiting in due.items():
            if name not in self._busy:
                self._busy.add(name)
                self._threads.submit(self._deliver_all, name, waiting)

    def _deliver_all(self, name: str, waiting: Sequence[tuple[Event, Delivery]]) -> None:
        try:
            for event, delivery in waiting:
                if self._ending:
                    return
                self._attempt(event, delivery)
        except ContextServiceError as error:
            log.warning("delivery not stored", webhook=name, reason=str(error))
        finally:
            self._busy.discard(name)

    def _attempt(self, event: Event, delivery: Delivery) -> None:
        attempt = self._sent(event, self._webhooks.get(delivery.webhook))
        done = after(delivery, attempt, self._now())
        with self._records.writing() as tx:
            tx.put_delivery(done)
        if attempt.error:
            tries, state = len(done.attempts), done.state.value
            log.warning("webhook_failed", webhook=done.webhook, told=event.id, tries=tries, state=state, reason=attempt.error)

    def _sent(self, event: Event, webhook: Webhook | None) -> Attempt:
        at = self._now()
        secret = self._secret(webhook.secret_env) if webhook else None
        if webhook is None:
            return Attempt(at=at, error="It is not declared any more.")
        if not secret:
            return Attempt(at=at, error=f"There is no secret: set {webhook.secret_env}.")
        body, timestamp = _body(event), str(int(at.timestamp()))
        headers = {"content-type": "application/json", EVENT: event.id, TIMESTAMP: timestamp, SIGNATURE: signature(secret, timestamp, body)}
        try:
            status = self._post(webhook, headers, body)
        except ContextServiceError as error:
            return Attempt(at=at, error=error.message)
        return Attempt(at=at, status=status, error=None if 200 <= status < 300 else f"It answered {status}.")


def after(delivery: Delivery, attempt: Attempt, now: datetime) -> Delivery:
    """What became of a delivery by one more attempt."""
    attempts = (*delivery.attempts, attempt)
    if attempt.error is None:
        state, next_at = DeliveryState.DELIVERED, None
    elif len(attempts) > len(RETRIES):
        state, next_at = DeliveryState.ABANDONED, None
    else:
        state, next_at = DeliveryState.PENDING, now + RETRIES[len(attempts) - 1]
    return delivery.model_copy(update={"state": state, "attempts": attempts, "next_at": next_at})


def _body(event: Event) -> bytes:
    return json.dumps(event.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
