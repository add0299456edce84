"""Re-syncing each source as often as it promises."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from context_service.declarations.company import Declarations
from context_service.errors import ContextServiceError

log = structlog.get_logger(__name__)

JITTER_SHARE = 20
"""A sync starts up to a twentieth of its interval late, so that sources do not all start at once."""


class Resync:
    """Calls `sync` with a source's id on its interval; a context manager. One sync at a time; a failing one stops no other."""

    def __init__(self, declarations: Declarations, sync: Callable[[str], object]) -> None:
        self._sync = sync
        # One worker: syncs share the draft. A tick missed while another sync ran, or while asleep, is caught up once.
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)}, job_defaults={"coalesce": True, "misfire_grace_time": None}, timezone="UTC"
        )
        for name, source in declarations.sources.items():
            seconds = max(1, int(source.freshness.every.total_seconds()))
            self._scheduler.add_job(
                self._run, "interval", args=[name], id=name, seconds=seconds, jitter=seconds // JITTER_SHARE, max_instances=1
            )

    def __enter__(self) -> None:
        self._scheduler.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._scheduler.shutdown(wait=True)

    def _run(self, name: str) -> None:
        try:
            self._sync(name)
        except ContextServiceError as error:
            log.warning("resync failed", source=name, code=error.code, reason=str(error))
