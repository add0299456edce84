"""Watching that promises are kept. A breach is stored, logged and put on its way to webhooks, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import structlog

from context_service.declarations.company import Declarations
from context_service.model.schedule import Delivery, Event, ScheduleState
from context_service.model.source import Webhook
from context_service.records.protocol import RecordStore
from context_service.schedule.breaches import News, news

log = structlog.get_logger(__name__)


class Monitor:
    """Compares each source's state with what was last told of it."""

    def __init__(self, records: RecordStore, declarations: Declarations, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._records = records
        self._sources = declarations.sources
        self._webhooks = declarations.company.webhooks
        self._now = now
        self._new_id = new_id

    def look(self) -> list[Event]:
        """Tell what has changed, and return it."""
        now, checked = self._now(), self._records.checked_at()
        if not any(found.events or found.state != state for found, state in self._news(self._records.schedules(), checked, now)):
            return []
        # Looked at again where nobody else can: of two processes one tells.
        with self._records.writing() as tx:
            found = [one for one, _ in self._news(tx.held_schedules(), checked, now)]
            tx.put_schedules(one.state for one in found)
            events = [event for one in found for event in one.events]
            for event in events:
                tx.add_event(event, list(deliveries(event, self._webhooks, now)))
        for event in events:
            _log(event)
        return events

    def _news(
        self, states: Mapping[str, ScheduleState], checked: Mapping[str, datetime], now: datetime
    ) -> Iterator[tuple[News, ScheduleState]]:
        ids = iter(self._new_id, None)
        for name, state in states.items():
            if name in self._sources:
                yield news(self._sources[name], state, checked.get(name), now, ids), state


def deliveries(event: Event, webhooks: Mapping[str, Webhook], now: datetime) -> Iterator[Delivery]:
    """To every webhook that is named, or that somebody hears through who is."""
    for name, webhook in sorted(webhooks.items()):
        if name in event.told or not set(webhook.teams).isdisjoint(event.told):
            yield Delivery(id=f"{event.id}:{name}", event=event.id, webhook=name, next_at=now)


def _log(event: Event) -> None:
    tell: Callable[..., object] = log.warning if event.kind.breach else log.info
    tell(event.kind.value, **event.model_dump(mode="json", exclude={"at", "kind", "title"}))
