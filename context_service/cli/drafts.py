"""`context-service drafts`: what is proposed, and how it becomes what is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from context_service.app import App
from context_service.cli.changes import plain_table, show_check, show_diff
from context_service.cli.common import ConfigOption, DataOption, JsonOption, KeyOption, ReasonOption, out, service_as
from context_service.cli.freshness import ago
from context_service.cli.releases import restore
from context_service.errors import InvalidRequest
from context_service.model.access import Principal
from context_service.model.gate import Check
from context_service.model.release import Draft
from context_service.releases.diff import MOST_PER_PAGE, PAGE

SHORT = 8
SHORTEST = 4
"""Characters of an id that are shown, and that name a draft at least."""

GATE_FAILED = 3
"""Exit status of `drafts check` when a gate does not pass."""

DraftArgument = Annotated[str, typer.Argument(metavar="DRAFT", help="Id of the draft, or the beginning of it.")]

drafts = typer.Typer(help="List drafts, compare, check, approve, publish, try and discard them.", rich_markup_mode=None)


@drafts.callback(invoke_without_command=True)
def list_drafts(
    context: typer.Context, as_json: JsonOption = False, key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """List the drafts that stand; or do something with one (see the commands)."""
    if context.invoked_subcommand:
        return
    with service_as(key, config, data) as (app, caller):
        found = app.releases.drafts(caller)
        if as_json:
            out.print_json(json.dumps([one.model_dump(mode="json") for one in found]))
        else:
            _show_drafts(found, app.now())


@drafts.command("show")
def show_draft(
    draft: DraftArgument, as_json: JsonOption = False, key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Show where a draft stands, why it is held, and what its gates said."""
    with service_as(key, config, data) as (app, caller):
        found = named_draft(app, caller, draft)
        if as_json:
            out.print_json(found.model_dump_json())
        else:
            _show_draft(found)


@drafts.command("diff")
def diff_draft(
    draft: DraftArgument,
    after: Annotated[str | None, typer.Option(help="Go on after this document.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_PER_PAGE, help="Most documents.")] = PAGE,
    as_json: JsonOption = False,
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show what a draft changes of the newest release, of what you may read."""
    with service_as(key, config, data) as (app, caller):
        diff = app.control.diff_of_draft(caller, named_draft(app, caller, draft).id, after=after, limit=limit)
        if as_json:
            out.print_json(diff.model_dump_json())
        else:
            show_diff(out, diff)


@drafts.command("check")
def check_draft(
    draft: DraftArgument, as_json: JsonOption = False, key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Compare a draft with the newest release as it stands, and ask the gates. For CI.

    Exit status: 0 when every gate passes, 3 when one does not, 1 when it could not be checked.
    """
    with service_as(key, config, data) as (app, caller):
        found = named_draft(app, caller, draft)
        check = app.control.gates.check(caller, found.id)
        if as_json:
            out.print_json(check.model_dump_json())
        else:
            show_check(out, check)
            out.print(Text(f"To approve it: context-service drafts approve {found.id[:SHORT]} --digest {check.digest}", "dim"))
        if not check.passed:
            raise typer.Exit(GATE_FAILED)


@drafts.command("approve")
def approve_draft(
    draft: DraftArgument,
    digest: Annotated[str, typer.Option(help="The digest that `drafts check` showed: you approve exactly that.")],
    reason: ReasonOption = "",
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Say yes to what a draft changes. For who answers for all of it and did not edit it."""
    with service_as(key, config, data) as (app, caller):
        found = named_draft(app, caller, draft)
        app.control.gates.approve(caller, found.id, digest, reason)
        out.print(f"Approved. To publish it: context-service drafts publish {found.id[:SHORT]}", highlight=False)


@drafts.command("publish")
def publish_draft(
    draft: DraftArgument, reason: ReasonOption = "", key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Make a draft the release that everybody reads. It has to be checked, and its gates passed or somebody approved it."""
    with service_as(key, config, data) as (app, caller):
        release = app.releases.publish(caller, named_draft(app, caller, draft).id, reason)
        out.print(f"Release {release.number} is published.", highlight=False)


@drafts.command("canary")
def try_draft(
    draft: DraftArgument,
    share: Annotated[float, typer.Option(help="Share of the conversations, such as 0.1.")],
    reason: ReasonOption = "",
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a draft a release that a share of the conversations reads, always the same ones."""
    with service_as(key, config, data) as (app, caller):
        release = app.releases.canary(caller, named_draft(app, caller, draft).id, share, reason)
        out.print(f"Release {release.number} is on trial: {share:.0%} of the conversations read it.", highlight=False)


@drafts.command("widen")
def widen_trial(
    draft: DraftArgument,
    share: Annotated[float, typer.Option(help="Share of the conversations; 1 is everybody.")],
    reason: ReasonOption = "",
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Change how many conversations read the release that a draft became, which is on trial."""
    with service_as(key, config, data) as (app, caller):
        move = app.releases.widen(caller, share, reason, draft=named_draft(app, caller, draft).id)
        number, who = (move.canary, f"{move.share:.0%} of the conversations read") if move.canary else (move.number, "Everybody reads")
        out.print(f"{who} release {number}.", highlight=False)


@drafts.command("take-back")
def take_trial_back(
    draft: DraftArgument, reason: ReasonOption = "", key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Let nobody read the release on trial any more."""
    with service_as(key, config, data) as (app, caller):
        move = app.releases.take_back(caller, reason, draft=named_draft(app, caller, draft).id)
        out.print(f"Everybody reads release {move.number}.", highlight=False)
        restore(app)


@drafts.command("discard")
def discard_draft(
    draft: DraftArgument, reason: ReasonOption = "", key: KeyOption = "", config: ConfigOption = None, data: DataOption = None
) -> None:
    """Undo a draft. The next syncs bring again what its sources hold."""
    with service_as(key, config, data) as (app, caller):
        ended = app.releases.discard(caller, named_draft(app, caller, draft).id, reason)
        out.print(f"Draft {ended.id[:SHORT]} is discarded.", highlight=False)


def named_draft(app: App, caller: Principal, name: str) -> Draft:
    """The draft whose id is `name` or begins with it: one that stands, or one that became a release.

    Raises NotFound, Forbidden, or InvalidRequest when several begin so.
    """
    known = {one.id for one in app.releases.drafts(caller)} | {one.draft for one in app.releases.releases(caller)}
    found = {one for one in known if one.startswith(name)} if len(name) >= SHORTEST else set()
    if len(found) > 1:
        raise InvalidRequest(f"Several drafts begin with `{name}`.", remedy="Name more of the id.", field="draft")
    return app.releases.draft(caller, found.pop() if found else name)


def _show_drafts(found: Sequence[Draft], now: datetime) -> None:
    if not found:
        out.print("There is no draft.")
        return
    table = plain_table("draft", "number", "from", "state", "sources", "opened", "by")
    for one in found:
        sources = Text(", ".join(sorted(one.sources)))
        table.add_row(one.id[:SHORT], str(one.number), one.kind.value, _state(one), sources, ago(one.opened_at, now), Text(one.opened_by))
    out.print(table)
    for one in found:
        for reason in one.reasons:
            out.print(Text(f"{one.id[:SHORT]} is held: {reason}", "yellow"))


def _show_draft(draft: Draft) -> None:
    out.print(Text(f"Draft {draft.id} (number {draft.number}, {draft.kind.value}, {_state(draft)})", "bold"))
    editors = f", edited by {', '.join(sorted(draft.editors))}" if draft.editors else ""
    out.print(Text(f"opened {draft.opened_at:%Y-%m-%d %H:%M} by {draft.opened_by}{editors}; compared with release {draft.base}"))
    if draft.sources:
        out.print(Text(f"sources: {', '.join(sorted(draft.sources))}"))
    for reason in draft.reasons:
        out.print(Text(f"held: {reason}", "yellow"))
    if draft.gates:
        show_check(out, Check.model_validate(draft.gates))


def _state(draft: Draft) -> str:
    notes = [words for words, said in (("stale", draft.stale), ("not checked", not draft.checked)) if said and draft.state.standing]
    return ", ".join([draft.state.value, *notes])
