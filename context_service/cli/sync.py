"""`context-service sync`: a source out of turn, its pauses, a document verified by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from context_service.app import App
from context_service.cli.freshness import progress_words
from context_service.cli.progress import Bars
from context_service.errors import DraftConflict
from context_service.model.access import Principal
from context_service.model.document import RunState, SyncRun
from context_service.schedule.board import SourceFreshness

LOOK_SECONDS = 0.25


def sync_source(app: App, caller: Principal, source: str, console: Console, *, wait: bool) -> SyncRun | None:
    """Have the process that runs the schedule sync a source, or do it here when there is none; the run, or None without waiting.

    Raises NotFound, Forbidden; DraftConflict when there is no schedule and the draft is in use.
    """
    app.desk.wish(caller, source)
    before = app.desk.source(caller, source).last_run
    try:
        with app.records.exclusive("schedule"), Bars(console) as bars:
            run = app.ingest([source], caller.id, bars).runs[0]
            app.desk.forget_wish(source)
            return run
    except DraftConflict:
        if not _scheduled(app):
            raise
    return _watch(lambda: app.desk.source(caller, source), before, console) if wait else None


def _scheduled(app: App) -> bool:
    """Whether another process holds the schedule, rather than the draft alone."""
    try:
        with app.records.exclusive("schedule"):
            return False
    except DraftConflict:
        return True


def _watch(look: Callable[[], SourceFreshness], before: SyncRun | None, console: Console) -> SyncRun:
    """Show how far the sync is until it has ended."""
    with Live(console=console, transient=True) as live:
        while True:
            seen = look()
            live.update(Text(f"{seen.source}: {progress_words(seen) or 'waiting for its turn'}", "dim"))
            run = seen.last_run
            if seen.wish is None and run and run != before and run.state is not RunState.RUNNING:
                return run
            time.sleep(LOOK_SECONDS)
