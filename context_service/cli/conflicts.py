"""Conflicts in the terminal: a few lines each, whole at any width, so that a build's log holds ids that can be copied."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from context_service.model.conflict import ConflictState
from context_service.rulings.views import ConflictView, SideView

COLOURS = {ConflictState.OPEN: "red", ConflictState.REOPENED: "red", ConflictState.CLOSED: "dim"}


def show_conflicts(console: Console, views: Sequence[ConflictView]) -> None:
    """Print each conflict with its sides, in their order."""
    if not views:
        console.print("No such conflict.")
    for view in views:
        console.print(_headline(view), soft_wrap=True)
        for side in view.sides:
            console.print(_side(side), soft_wrap=True)


def _headline(view: ConflictView) -> Text:
    state = view.state.value + (" (ruled on for some requests)" if _partly_ruled(view) else "")
    return Text.assemble(
        (view.id, "bold"), "  ", (state, COLOURS.get(view.state, "green")), f"  {view.kind.value}  severity {view.severity.score:.2f}"
    )


def _partly_ruled(view: ConflictView) -> bool:
    settled = view.state in (ConflictState.RULED, ConflictState.DISMISSED)
    return not settled and any(one.in_force for one in view.rulings)


def _side(side: SideView) -> Text:
    return Text.assemble("  ", (_printable(side.document), "cyan"), f" ({_printable(side.owner)}): {_printable(side.text)}")


def _printable(text: str) -> str:
    """Words of a source in one line, without what would steer the terminal."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
