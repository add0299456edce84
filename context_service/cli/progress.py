"""Progress bars for an ingest."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from context_service.model.document import Outcome, OutcomeKind, RunState, SyncRun

FAILED = {OutcomeKind.FAILED_TRANSIENT, OutcomeKind.FAILED_TERMINAL}
SHOWN_FAILURES = 5


class Bars:
    """Draws one bar per source and stage; a context manager. Satisfies `ingest.progress.Progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), BarColumn(bar_width=24))
        self._bars = Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}"), console=console)
        self._tasks: dict[str, TaskID] = {}
        self._failures: list[tuple[str, Outcome]] = []

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()
        for source, outcome in self._failures[:SHOWN_FAILURES]:
            self._console.print(f"  [yellow]![/] {source}: {outcome.key}: {outcome.reason}", highlight=False)
        if len(self._failures) > SHOWN_FAILURES:
            self._console.print(f"  [yellow]![/] and {len(self._failures) - SHOWN_FAILURES} more; the console lists them all.")

    def run_started(self, run: SyncRun, title: str) -> None:
        """See `Progress`. How many items a source has is known only at its end."""
        self._tasks[run.id] = self._bars.add_task(title, total=None, note="")

    def item_ended(self, run: SyncRun, outcome: Outcome) -> None:
        """See `Progress`."""
        self._bars.update(self._tasks[run.id], advance=1, note=outcome.key[-40:])
        if outcome.kind in FAILED:
            self._failures.append((run.source, outcome))

    def run_finished(self, run: SyncRun) -> None:
        """See `Progress`."""
        total = sum(run.counts.values())
        note = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(run.counts.items())) or "empty"
        if run.state is not RunState.SUCCEEDED:
            note = f"[red]failed: {run.reason}"
        self._bars.update(self._tasks[run.id], total=max(total, 1), completed=max(total, 1), note=note)

    def stage(self, name: str, done: int, total: int) -> None:
        """See `Progress`."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, note="")
        self._bars.update(self._tasks[name], completed=done, total=total)
