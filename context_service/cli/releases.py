"""`context-service releases`: what is read, what differs, and going back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from context_service.app import App
from context_service.cli.changes import plain_table, show_check, show_diff
from context_service.cli.common import (
    ConfigOption,
    DataOption,
    JsonOption,
    KeyOption,
    ReasonOption,
    err,
    out,
    service,
    service_as,
    shell_user,
)
from context_service.cli.freshness import ago
from context_service.cli.progress import Bars
from context_service.errors import DraftConflict
from context_service.model.gate import Check
from context_service.model.release import HIGHEST, HeadMove, Release, Traffic
from context_service.releases.diff import MOST_PER_PAGE, PAGE

NEWEST_SHOWN = 20

NumberArgument = Annotated[int, typer.Argument(min=1, max=HIGHEST, help="Number of the release.")]

releases = typer.Typer(help="List releases, compare them, roll back, keep them.", rich_markup_mode=None)


@releases.callback(invoke_without_command=True)
def list_releases(
    context: typer.Context,
    as_json: JsonOption = False,
    every: Annotated[bool, typer.Option("--all", help=f"All of them, not only the newest {NEWEST_SHOWN}.")] = False,
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List releases, the newest first; or do something with one (see the commands)."""
    if context.invoked_subcommand:
        return
    with service_as(key, config, data) as (app, caller):
        found, traffic = app.releases.releases(caller), app.releases.traffic()
        shown = found if every else found[:NEWEST_SHOWN]
        if as_json:
            told = {"traffic": traffic.model_dump(mode="json"), "releases": [one.model_dump(mode="json") for one in shown]}
            out.print_json(json.dumps(told))
        else:
            _show_releases(shown, traffic, app.now())


@releases.command("show")
def show_release(
    number: NumberArgument, as_json: JsonOption = False, key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Show who published a release and why, what its gates said, and when it was read."""
    with service_as(key, config, data) as (app, caller):
        release = app.releases.show(caller, number)
        moves = [one for one in app.releases.moves(caller) if number in (one.number, one.canary)]
        if as_json:
            told = {"release": release.model_dump(mode="json"), "moves": [one.model_dump(mode="json") for one in moves]}
            out.print_json(json.dumps(told))
        else:
            _show_release(release, app.releases.traffic(), moves)


@releases.command("diff")
def diff_releases(
    base: Annotated[int, typer.Argument(min=1, max=HIGHEST, help="Number of the earlier one.")],
    number: Annotated[int, typer.Argument(min=1, max=HIGHEST, help="Number of the later one.")],
    after: Annotated[str | None, typer.Option(help="Go on after this document.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_PER_PAGE, help="Most documents.")] = PAGE,
    as_json: JsonOption = False,
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show what one release changes of another, of what you may read."""
    with service_as(key, config, data) as (app, caller):
        diff = app.control.differ.diff(caller, base, number, after=after, limit=limit)
        if as_json:
            out.print_json(diff.model_dump_json())
        else:
            show_diff(out, diff)


@releases.command("rollback")
def roll_back(
    number: NumberArgument,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; shown to whoever looks.")],
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let everybody read an older release, at once. Nothing publishes itself afterwards until a person has published."""
    with service_as(key, config, data) as (app, caller):
        app.releases.rollback(caller, number, reason)
        out.print(f"Everybody reads release {number}.", highlight=False)
        restore(app)


@releases.command("pin")
def pin(
    number: NumberArgument, reason: ReasonOption = "", key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Keep a release whatever the retention says."""
    with service_as(key, config, data) as (app, caller):
        app.releases.pin(caller, number, reason)
        out.print(f"Release {number} is kept.", highlight=False)


@releases.command("unpin")
def unpin(
    number: NumberArgument, reason: ReasonOption = "", key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Leave a release to the retention."""
    with service_as(key, config, data) as (app, caller):
        app.releases.unpin(caller, number, reason)
        out.print(f"Release {number} is left to the retention.", highlight=False)


@releases.command("retain")
def retain(config: ConfigOption = None, data: DataOption = None) -> None:
    """Forget releases that need not be kept (CONTEXT_KEEP_RELEASES, CONTEXT_KEEP_DAYS), and delete what only they read."""
    with service(config, data) as app:
        swept = app.releases.retain(shell_user())
        retired = ", ".join(map(str, swept.retired)) or "none"
        out.print(f"Releases that are not kept any more: {retired}. States of documents deleted: {swept.revisions}.", highlight=False)


def restore(app: App) -> None:
    """Finish a rollback here; where drafts are in use the next sync does it."""
    try:
        with Bars(out) as bars:
            restored = app.releases.restore(bars)
    except DraftConflict:
        err.print("Drafts are in use: the next sync makes it the state that new releases start from.", style="yellow", soft_wrap=True)
        return
    if restored:
        out.print(f"Release {restored.number} holds the same; new releases start from it.", highlight=False)


def _show_releases(found: Sequence[Release], traffic: Traffic, now: datetime) -> None:
    if not found:
        out.print("Nothing has been published yet.")
        return
    table = plain_table("release", "published", "by", "from", "sources", "state")
    for one in found:
        state = _state(one, traffic)
        table.add_row(
            str(one.number), ago(one.published_at, now), Text(one.by), _origin(one), Text(", ".join(sorted(one.sources))), Text(state)
        )
    out.print(table)
    if traffic.publishing_held:
        out.print(Text("A release was rolled back: nothing publishes itself until a person has published.", "yellow"))
    if traffic.restoring:
        out.print(Text("The rollback is not finished: the next sync does that, or `releases rollback` again.", "yellow"))


def _show_release(release: Release, traffic: Traffic, moves: Sequence[HeadMove]) -> None:
    state = _state(release, traffic)
    out.print(Text(f"Release {release.number}{f' ({state})' if state else ''}", "bold"))
    out.print(Text(f"published {release.published_at:%Y-%m-%d %H:%M} by {release.by}, from {_origin(release)}, on top of {release.base}"))
    if release.why:
        out.print(Text(f"why: {release.why}"))
    if release.sources:
        out.print(Text(f"sources: {', '.join(sorted(release.sources))}"))
    if release.gates:
        show_check(out, Check.model_validate(release.gates))
    for move in moves:
        trial = f", {move.share:.0%} of the conversations {move.canary}" if move.canary else ""
        why = f": {move.reason}" if move.reason else ""
        out.print(Text(f"{move.at:%Y-%m-%d %H:%M} {move.actor}: read is {move.number}{trial}{why}", "dim"))


def _origin(release: Release) -> str:
    return f"rollback to {release.restores}" if release.restores else release.kind.value


def _state(release: Release, traffic: Traffic) -> str:
    said = []
    if release.number == traffic.number:
        said.append("read")
    if release.number == traffic.canary:
        said.append(f"on trial, {traffic.share:.0%}")
    if release.pinned:
        said.append("pinned")
    if release.retired_at:
        said.append("not kept")
    return ", ".join(said)
