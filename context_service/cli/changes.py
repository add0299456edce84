"""Differences, gates and golden questions in the terminal, readable at 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from context_service.model.gate import Check
from context_service.model.golden import GoldenOutcome
from context_service.releases.views import ChangeKind, ConflictChange, Counts, Diff, DocumentChange

COLOURS = {ChangeKind.ADDED: "green", ChangeKind.REMOVED: "red", ChangeKind.CHANGED: "yellow"}


def plain_table(*columns: str) -> Table:
    """A table without lines, the columns two spaces apart."""
    return Table(*columns, box=None, padding=(0, 2, 0, 0))


def show_diff(console: Console, diff: Diff) -> None:
    """Print what changes: documents, conflicts, settings."""
    console.print(Text(f"{diff.base} → {diff.number}: {_counts(diff.counts)}", "bold"))
    if diff.documents:
        table = plain_table("change", "document", "what", "chunks", "claims")
        for one in diff.documents:
            chunks, claims = f"+{one.chunks_added} -{one.chunks_removed}", f"+{one.claims_added} -{one.claims_removed}"
            table.add_row(Text(one.kind.value, COLOURS[one.kind]), Text(one.document), Text(_what(one)), chunks, claims)
        console.print(table)
    for one in diff.documents:
        for directive in one.directives:
            comes = Text("+", "green") if directive.comes else Text("-", "red")
            console.print(Text.assemble(comes, f" {one.document}: {directive.modality.value.replace('_', ' ')}: {directive.text}"))
    if diff.next:
        console.print(Text(f"There is more: repeat it with --after {diff.next}", "dim"))
    _show_conflicts(console, "opens", diff.conflicts_opened, "red")
    _show_conflicts(console, "closes", diff.conflicts_closed, "green")
    for setting in diff.settings:
        for field in setting.fields:
            console.print(Text(f"workflow {setting.workflow}: {field.field}: {field.before} → {field.after}"))


def show_check(console: Console, check: Check) -> None:
    """Print what each gate says, and what it asks for."""
    table = plain_table("gate", "", "says")
    for result in check.results:
        table.add_row(result.gate, Text("passed", "green") if result.passed else Text("failed", "red"), Text(result.reason))
    console.print(table)
    for result in check.results:
        for source, why in result.sources.items():
            console.print(Text(f"{source} is held: {why}", "yellow"))
        if not result.passed:
            console.print(Text(result.remedy, "dim"))
    if check.approval:
        console.print(Text(f"approved by {check.approval.by}: {check.approval.reason or 'no reason given'}", "green"))
    elif check.waits_for_approval:
        console.print(Text(f"waits for an approval: {', '.join(sorted(check.waits_for_approval))}", "yellow"))
    console.print(Text(f"digest {check.digest}"))


def show_outcomes(console: Console, number: int, outcomes: Sequence[GoldenOutcome]) -> None:
    """Print one line per golden question, and below those that failed what was expected."""
    if not outcomes:
        console.print("There is no golden question that you may see.")
        return
    table = plain_table("", "question", "workflow", "asks")
    for one in outcomes:
        table.add_row(Text("✓", "green") if one.passed else Text("✗", "red"), one.question, one.workflow, Text(one.query))
    console.print(table)
    failed = [one for one in outcomes if not one.passed]
    for one in failed:
        for miss in one.misses:
            console.print(Text(f"{one.question} expects {miss.what} {miss.expected!r}", "yellow"))
            if miss.got:
                console.print(Text(f"  got: {miss.got}", "dim"))
    console.print(f"Of {len(outcomes)} golden questions {len(failed)} fail in {number}.", highlight=False)


def _counts(counts: Counts) -> str:
    said = {
        "added": counts.added,
        "removed": counts.removed,
        "changed": counts.changed,
        "that more may read": counts.widened,
        "that fewer may read": counts.tightened,
        "that you may not read": counts.hidden,
        "not compared": counts.beyond,
    }
    return ", ".join(f"{count} {words}" for words, count in said.items() if count) or "no document changes"


def _what(one: DocumentChange) -> str:
    return "; ".join(_parts(one)) if one.kind is ChangeKind.CHANGED else one.title


def _parts(one: DocumentChange) -> Iterable[str]:
    if one.text:
        yield "text"
    yield from (field.field for field in one.fields)
    if one.access:
        yield from (f"+{who}" for who in one.access.gains)
        yield from (f"-{who}" for who in one.access.loses)


def _show_conflicts(console: Console, verb: str, conflicts: Iterable[ConflictChange], colour: str) -> None:
    for one in conflicts:
        console.print(Text(f"{verb} {one.kind} conflict {one.conflict}: {' ↔ '.join(one.documents)}: {one.about}", colour))
