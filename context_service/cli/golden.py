"""`context-service golden`: the questions whose answers have to hold."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from context_service.cli.changes import show_outcomes
from context_service.cli.common import ConfigOption, DataOption, JsonOption, KeyOption, out, service_as
from context_service.cli.drafts import named_draft
from context_service.model.context import Standpoint
from context_service.model.release import HIGHEST

GOLDEN_FAILED = 3
"""Exit status of `golden run` when a question fails."""

golden = typer.Typer(help="Ask the questions whose answers have to hold.", no_args_is_help=True, rich_markup_mode=None)


@golden.callback()
def about() -> None:
    """Ask the questions whose answers have to hold."""


@golden.command("run")
def run(
    workflow: Annotated[str | None, typer.Option("--workflow", "-w", help="Only those of this workflow.")] = None,
    release: Annotated[int | None, typer.Option(min=1, max=HIGHEST, help="Ask this release instead of the current one.")] = None,
    draft: Annotated[str | None, typer.Option(help="Ask this draft, as it would be published.")] = None,
    as_json: JsonOption = False,
    key: KeyOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Ask the golden questions that you may see, and say how each fared. For CI.

    Exit status: 0 when every one passes, 3 when one fails, 1 when they could not be asked.
    """
    with service_as(key, config, data) as (app, caller):
        app.require_index()
        at = Standpoint(release=release, draft=named_draft(app, caller, draft).id if draft else None)
        number, outcomes = app.ask_golden(caller, at, workflow)
        if as_json:
            told = {"release": number, "outcomes": [one.model_dump(mode="json") for one in outcomes]}
            out.print_json(json.dumps(told))
        else:
            show_outcomes(out, number, outcomes)
        if not all(one.passed for one in outcomes):
            raise typer.Exit(GOLDEN_FAILED)
