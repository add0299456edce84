"""`context-service`: the commands. Each reads top to bottom; what goes wrong is told in one line with what to do next."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from context_service import __version__
from context_service.app import open_app
from context_service.cli.common import ConfigOption, DataOption, err, out, read_settings, shell_user, told
from context_service.cli.conflicts import show_conflicts
from context_service.cli.demo import demo_settings, run_demo
from context_service.cli.doctor import examine
from context_service.cli.drafts import drafts
from context_service.cli.freshness import show_board
from context_service.cli.golden import golden
from context_service.cli.logs import configure_logs
from context_service.cli.progress import Bars
from context_service.cli.releases import releases
from context_service.cli.serving import serve as serve_http
from context_service.cli.show import show_reply
from context_service.cli.starter import create
from context_service.cli.sync import sync_source
from context_service.declarations.company import SCHEMAS, inspect, json_schema
from context_service.errors import InvalidRequest
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.conflict import ConflictState
from context_service.model.context import ContextRequest
from context_service.model.document import RunState
from context_service.rulings.views import Filters

CONFLICTS_FOUND = PROMISE_BROKEN = 3
"""Exit status of `conflicts` when any matches, of `freshness` when a promise is broken; 1 and 2 are those of failures and of wrong options.
"""

app = typer.Typer(
    help="Governed context for customer-facing agents: current, trusted, applicable and allowed, with the reasons.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
sync = typer.Typer(help="Sync a source out of turn, pause and resume its schedule.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(sync, name="sync")
app.add_typer(releases, name="releases")
app.add_typer(drafts, name="drafts")
app.add_typer(golden, name="golden")


@app.command()
def demo(
    data: DataOption = None,
    stay: Annotated[bool, typer.Option("--stay/--exit", help="Leave the service running at the end, or end it.")] = True,
) -> None:
    """Ingest the demo company from docs, PDFs, CRM and a website, serve it, and show three customers' answers."""
    with told():
        settings = demo_settings(read_settings(None, data))
        configure_logs(settings.log_format, logging.WARNING)  # a request's line would stand in the middle of what is shown
        run_demo(settings, out, stay=stay)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to begin; files that exist are never overwritten.")] = Path()) -> None:
    """Write the smallest set of declarations that works."""
    with told():
        for path in create(folder):
            out.print(f"wrote {path}", highlight=False)
        out.print(f"\nNext: cd {folder} && context-service validate && context-service ingest", highlight=False)


@app.command()
def validate(
    config: ConfigOption = None,
    schema: Annotated[str | None, typer.Option(help=f"Print the JSON Schema of one file instead: {', '.join(SCHEMAS)}.")] = None,
) -> None:
    """Check every declaration; each fault is told as file:line:column."""
    if schema is not None and schema not in SCHEMAS:
        raise typer.BadParameter(f"choose one of {', '.join(SCHEMAS)}", param_hint="--schema")
    if schema is not None:
        out.print_json(json.dumps(json_schema(schema)))
        return
    with told():
        settings = read_settings(config, None)
    declarations, faults = inspect(settings.config)
    for fault in faults:
        err.print(str(fault), style="red", highlight=False, markup=False, soft_wrap=True)
    if declarations is None:
        raise typer.Exit(1)
    out.print(f"{len(declarations.sources)} sources and {len(declarations.workflows)} workflows are well.", highlight=False)


@app.command()
def ingest(
    sources: Annotated[list[str] | None, typer.Argument(help="Ids of the sources; none means all.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Sync sources and publish what changed. Safe to interrupt and to repeat."""
    with told(), open_app(read_settings(config, data)) as service:
        with Bars(out) as bars:
            report = service.ingest(sources or [], shell_user(), bars)
        out.print(f"Release {report.release.number} is published." if report.release else "Nothing changed; nothing was published.")
        if any(run.state is RunState.FAILED for run in report.runs):
            raise typer.Exit(1)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in the customer's words.")],
    workflow: Annotated[str, typer.Option("--workflow", "-w", help="Workflow of the conversation.")],
    customer: Annotated[str | None, typer.Option(help="Id of the customer in the CRM.")] = None,
    attribute: Annotated[list[str] | None, typer.Option("--attribute", "-a", help="What is known, such as region=DE. Repeatable.")] = None,
    channel: Annotated[str, typer.Option(help="Channel of the conversation.")] = "chat",
    budget: Annotated[int | None, typer.Option(help="Tokens of text in the answer.")] = None,
    effective_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Rules that hold on this day.")] = None,
    release: Annotated[int | None, typer.Option(help="Read this release instead of the current one.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Read what was served then, such as 2026-05-01T12:00:00Z.")] = None,
    draft: Annotated[str | None, typer.Option(help="Read this draft, as it would be published; for people.")] = None,
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key. Default: CONTEXT_KEY.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Ask as an agent would, and see what it gets and why."""
    with told(), open_app(read_settings(config, data)) as service:
        service.require_index()
        request = _request(
            query=question,
            workflow=workflow,
            customer={"id": customer, "attributes": _pairs(attribute or [])},
            channel=channel,
            token_budget=budget,
            effective_on=effective_on.date() if effective_on else None,
            release=release,
            as_of=as_of,
            draft=draft,
        )
        reply = service.answer(request, service.authenticate(key))
        if as_json:
            out.print_json(reply.model_dump_json())
        else:
            show_reply(out, question, customer or "A customer", reply)


@app.command()
def conflicts(
    state: Annotated[list[ConflictState] | None, typer.Option(help="States; repeatable. Default: open and reopened, which wait.")] = None,
    source: Annotated[str | None, typer.Option(help="Only those that a text of this source is part of.")] = None,
    min_severity: Annotated[float, typer.Option(min=0, max=1, help="Only those at least this severe, from 0 to 1.")] = 0.0,
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key. Default: CONTEXT_KEY.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List conflicts between texts that you may read, the most severe first. For CI.

    Exit status: 0 when none matches, 3 when any does, 1 when they could not be read, 2 for a wrong option.
    """
    with told(), open_app(read_settings(config, data)) as service:
        if source is not None and source not in service.declarations.sources:
            known = ", ".join(sorted(service.declarations.sources))
            raise InvalidRequest(f"No source `{source}` is declared.", remedy=f"Use one of {known}.", field="source")
        found = service.conflicts(service.authenticate(key), Filters(source=source, min_severity=min_severity)).items
        views = [view for view in found if (view.state in state if state else view.state.waits)]
        if as_json:
            out.print_json(json.dumps([view.model_dump(mode="json") for view in views]))
        else:
            show_conflicts(out, views)
        if views:
            raise typer.Exit(CONFLICTS_FOUND)


@app.command()
def freshness(
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key. Default: CONTEXT_KEY.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show how fresh the sources are that you may see. For CI and watchdogs.

    Exit status: 0 when every promise is kept, 3 when one is broken, 1 when they could not be read.
    """
    with told(), open_app(read_settings(config, data)) as service:
        board = service.freshness(service.authenticate(key))
        if as_json:
            out.print_json(board.model_dump_json())
        else:
            show_board(out, board)
        if board.breaches:
            raise typer.Exit(PROMISE_BROKEN)


@sync.command("now")
def sync_now(
    source: Annotated[str, typer.Argument(help="Id of the source.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it has ended.")] = True,
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key, an operator's. Default: CONTEXT_KEY.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Sync a source out of turn: by the service where one runs, else here."""
    with told(), open_app(read_settings(config, data)) as service:
        run = sync_source(service, service.authenticate(key), source, out, wait=wait)
        if run is None:
            out.print("It is asked for.")
        elif run.state is RunState.SUCCEEDED:
            out.print(f"{source}: {run.state.value}, {sum(run.counts.values())} items.", highlight=False)
        else:
            err.print(f"{source}: {run.state.value}: {run.reason}", style="red", highlight=False, markup=False, soft_wrap=True)
            raise typer.Exit(1)


@sync.command("pause")
def sync_pause(
    source: Annotated[str, typer.Argument(help="Id of the source.")],
    reason: Annotated[str, typer.Option(help="Told to whoever looks at the source.")] = "",
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key, an operator's. Default: CONTEXT_KEY.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let the schedule leave a source alone until it is resumed."""
    with told(), open_app(read_settings(config, data)) as service:
        service.desk.pause(service.authenticate(key), source, reason)
        out.print(f"{source} is paused.", highlight=False)


@sync.command("resume")
def sync_resume(
    source: Annotated[str, typer.Argument(help="Id of the source.")],
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key, an operator's. Default: CONTEXT_KEY.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let the schedule sync a source again; what it missed is made up for by one sync."""
    with told(), open_app(read_settings(config, data)) as service:
        service.desk.resume(service.authenticate(key), source)
        out.print(f"{source} is resumed.", highlight=False)


@app.command()
def verify(
    document: Annotated[str, typer.Argument(help="The document, as source:key.")],
    days: Annotated[int, typer.Option(help="For how many days it counts as reviewed.")],
    note: Annotated[str, typer.Option(help="Kept with it.")] = "",
    key: Annotated[str, typer.Option(envvar="CONTEXT_KEY", help="Your key, an owner's. Default: CONTEXT_KEY.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Give your word that a document you answer for holds as it stands."""
    with told(), open_app(read_settings(config, data)) as service:
        verified = service.verify(service.authenticate(key), document, days, note)
        out.print(f"{document} counts as reviewed until {verified.until:%Y-%m-%d}.", highlight=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: CONTEXT_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: CONTEXT_PORT.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Serve the API and the console, and re-sync the sources on schedule."""
    with told(), open_app(read_settings(config, data)) as service:
        service.require_index()
        configure_logs(service.settings.log_format)
        host, port = host or service.settings.host, service.settings.port if port is None else port
        out.print(f"API docs  http://{host}:{port}/docs\nConsole   http://{host}:{port}/console", highlight=False)
        with service.scheduled():
            serve_http(service, host, port)


@app.command()
def register(
    name: Annotated[str, typer.Argument(help="Id of the agent or person.")],
    kind: Annotated[PrincipalKind, typer.Option(help="Agent runtime or person.")] = PrincipalKind.AGENT,
    workflows: Annotated[str, typer.Option(help="Workflows it may ask in: names with commas, or *.")] = "",
    sources: Annotated[str, typer.Option(help="Sources it may read: names with commas, or *.")] = "",
    audiences: Annotated[str, typer.Option(help="Groups it belongs to, with commas.")] = "",
    ceiling: Annotated[Classification, typer.Option(help="Highest classification it may read.")] = Classification.PUBLIC,
    customers: Annotated[str, typer.Option(help="Customers whose data it may read: ids with commas, or *.")] = "",
    teams: Annotated[str, typer.Option(help="Teams a person answers for, with commas.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="May run syncs and see every source.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Register an agent or a person and print its key, once. What is not granted is denied."""
    grant = Grant.model_validate(
        {
            "workflows": _names(workflows),
            "sources": _names(sources),
            "audiences": _list(audiences),
            "ceiling": ceiling,
            "customers": _names(customers),
        }
    )
    principal = Principal(id=name, kind=kind, commissioned_by=shell_user(), teams=frozenset(_list(teams)), operator=operator, grant=grant)
    with told(), open_app(read_settings(config, data)) as service:
        out.print(service.register(principal, shell_user()), highlight=False, soft_wrap=True)
        err.print("Keep this key: it is stored only as a hash and not shown again.", style="dim")


@app.command()
def reindex(config: ConfigOption = None, data: DataOption = None) -> None:
    """Rebuild the index from the records. Texts are not embedded again unless the model changed."""
    with told(), open_app(read_settings(config, data)) as service:
        with Bars(out) as bars:
            service.reindex(lambda done, total: bars.stage("Indexing", done, total))
        out.print(service.index.check(), highlight=False, soft_wrap=True)


@app.command()
def doctor(config: ConfigOption = None, data: DataOption = None) -> None:
    """Check models, stores, index, sources, disk and clock, and say what to do about each finding."""
    table = Table("", "part", "seen", "what to do", box=None, padding=(0, 2))
    sick = False
    with told():
        for finding in examine(read_settings(config, data)):
            sick = sick or not finding.well
            table.add_row("[green]✓" if finding.well else "[red]✗", escape(finding.part), escape(finding.seen), escape(finding.remedy))
    out.print(table)
    if sick:
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Governed context for customer-facing agents: current, trusted, applicable and allowed, with the reasons."""
    if version:
        out.print(__version__)
        raise typer.Exit


def _request(**fields: object) -> ContextRequest:
    try:
        return ContextRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"`{name}`: {first['msg']}.", remedy="See `context-service ask --help`.", field=name) from None


def _pairs(attributes: list[str]) -> dict[str, str]:
    for attribute in attributes:
        if "=" not in attribute:
            raise InvalidRequest(f"`{attribute}` is no attribute.", remedy="Write name=value, such as region=DE.", field="attribute")
    return dict(attribute.split("=", 1) for attribute in attributes)


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _names(text: str) -> list[str] | str:
    return "*" if text.strip() == "*" else _list(text)
