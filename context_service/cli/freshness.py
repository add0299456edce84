"""Freshness as a table in the terminal."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from context_service.cli.show import FRESH
from context_service.schedule.board import Board, SourceFreshness


def show_board(console: Console, board: Board) -> None:
    """Print one line per source, and below it what is wrong with it."""
    if not board.sources:
        console.print("There is no source that you may see.")
        return
    table = Table("source", "state", "checked", "changed", "lag p50 / p95", "next run", "now", box=None, padding=(0, 2, 0, 0))
    for one in board.sources:
        table.add_row(
            one.source,
            Text(one.state.value, FRESH[one.state]),
            ago(one.checked_at, board.at),
            ago(one.changed_at, board.at),
            _lag(one),
            _next(one, board.at),
            _now(one),
        )
    console.print(table)
    for one in board.sources:
        if one.reason:
            console.print(Text(f"{one.source}: failed {one.failures} times in a row: {one.reason}", "red"))
        for outcome in one.failing:
            console.print(Text(f"{one.source}: {outcome.key}: {outcome.reason}", "yellow"))
    if not board.schedule_runs:
        console.print(Text("No process runs the schedule: nothing is synced until one serves with CONTEXT_SCHEDULE=true.", "yellow"))


def ago(moment: datetime | None, now: datetime) -> str:
    """`3 h ago`; `never` where there is none."""
    return f"{lasting(now - moment)} ago" if moment else "never"


def lasting(length: timedelta) -> str:
    """A length of time in its largest unit: `3 h`."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def progress_words(one: SourceFreshness) -> str:
    """How far the sync is that is under way."""
    if one.running is None:
        return ""
    of = f" of {one.running.total}" if one.running.total is not None else ""
    return f"{one.running.stage.lower()} {one.running.done}{of}"


def _lag(one: SourceFreshness) -> str:
    if one.lag.p50_seconds is None or one.lag.p95_seconds is None:
        return "–"
    return f"{one.lag.p50_seconds:.1f} / {one.lag.p95_seconds:.1f} s of {one.lag.changes}"


def _next(one: SourceFreshness, now: datetime) -> str:
    if one.paused:
        return f"paused by {one.paused.by}"
    if one.next_run is None:
        return "–"
    when = f"in {lasting(one.next_run - now)}" if one.next_run > now else "due"
    return f"{when}, backing off" if one.backing_off else when


def _now(one: SourceFreshness) -> str:
    return progress_words(one) or ("asked for" if one.wish else "")
