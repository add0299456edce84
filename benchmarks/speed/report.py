"""The table and the plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.speed.corpus import SHARES
from benchmarks.speed.figures import Result, Spread

NAMES = {"ours": "this service", "haystack": "Haystack + Qdrant", "llamaindex": "LlamaIndex", "txtai": "txtai"}
COLUMNS = (
    "engine", "rerank", "filter", "retrieval p50/p95/p99", "/context p50/p95/p99", "by 32: p50/p95/p99", "per s", "recall@10", "found",
    "memory", "disk", "chunks/s in", "cold start",
)  # fmt: skip

MADE_UP = (
    "Vectors of generated chunks are mixtures of real ones with noise; token vectors are those of the real passage they mostly come from."
)


def table(results: Sequence[Result], size: int) -> Table:
    """One size: a line for each engine, tier and filter. Times in ms, memory and disk in MiB."""
    drawn = Table(*COLUMNS, title=f"{size:,} chunks (ms; MiB)", caption=MADE_UP)
    for result in (one for one in results if one.size == size):
        for cells in rows(result):
            drawn.add_row(*cells)
        drawn.add_section()
    return drawn


def rows(result: Result) -> list[list[str]]:
    """The lines of one engine; one line with the reason where it has no figures."""
    name, found = NAMES.get(result.engine, result.engine), []
    for key, context in result.context.items():
        tier, share = key.rsplit(" ", 1)
        found.append([name, _tier(tier, result.ran.get(key, {})), share, *_figures(result, key, share, context)])
    if not found:
        found = [[name, "-", share, _three(spread), *["-"] * (len(COLUMNS) - 4)] for share, spread in result.retrieval.items()]
    if result.reason:
        found.append([name, "-", "-", result.reason, *["-"] * (len(COLUMNS) - 4)])
    return found


def _tier(asked: str, ran: Mapping[str, int]) -> str:
    """The tier, with how many answers came out of another one, if any did."""
    other = sum(count for tier, count in ran.items() if tier != asked)
    return f"{asked} ({other} of {sum(ran.values())} by another)" if other else asked


def _figures(result: Result, key: str, share: str, context: Spread) -> list[str]:
    per_second = _number(result.per_second.get(key)) + (f" ({result.refused[key]} refused)" if result.refused.get(key) else "")
    return [
        _three(result.retrieval.get(share)),
        _three(context),
        _three(result.crowd.get(key)),
        per_second,
        f"{result.recall.get(share, float('nan')):.3f}",
        f"{result.returned.get(share, float('nan')):.1f}",
        _number(result.memory_mib),
        _number(result.disk_mib),
        _number(result.chunks_per_second),
        _number(result.cold_start_seconds, 1),
    ]


def _three(spread: Spread | None) -> str:
    return f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}" if spread else "-"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def own_table(results: Sequence[Result]) -> Table:
    """Where this service's time goes: the floor under it, and its overhead (p50 / p95 / p99, ms)."""
    drawn = Table(
        "chunks", "rerank", "filter", "model's pass", "index's search", "overhead", title="This service's floor and overhead (ms)"
    )
    for result in (one for one in results if one.engine == "ours"):
        for key, overhead in result.overhead.items():
            tier, share = key.rsplit(" ", 1)
            embed, searched = result.floor.get(f"embed {share}"), result.floor.get(f"search {share}")
            drawn.add_row(f"{result.size:,}", tier, share, _three(embed), _three(searched), _three(overhead))
    return drawn


def show(console: Console, results: Sequence[Result]) -> None:
    """Everything in words and figures."""
    for size in sorted({one.size for one in results}):
        console.print(table(results, size))
    console.print(own_table(results))


Pick = Callable[[Result, str], float | None]

PLOTS: dict[str, tuple[str, Pick]] = {
    "context": ("/context over HTTP, one client, p95 (ms)", lambda one, share: _best(one.context, share)),
    "crowd": ("/context over HTTP, 32 clients, p95 (ms)", lambda one, share: _best(one.crowd, share)),
    "retrieval": ("retrieval alone, p95 (ms)", lambda one, share: one.retrieval[share].p95 if share in one.retrieval else None),
    "recall": ("recall@10 of filtered search against exact", lambda one, share: one.recall.get(share)),
    "memory": ("resident memory (MiB)", lambda one, _: one.memory_mib),
}


def _best(spreads: dict[str, Spread], share: str) -> float | None:
    """This service with its fast tier, where it ran; a peer as it is."""
    for tier in ("fast", "none"):
        if f"{tier} {share}" in spreads:
            return spreads[f"{tier} {share}"].p95
    return None


def plot(results: Sequence[Result], folder: Path) -> list[Path]:
    """A picture for each of PLOTS, as PNG and SVG. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    written = []
    for name, (title, pick) in PLOTS.items():
        figure, axes = pyplot.subplots(1, len(SHARES), figsize=(11, 4.2), sharey=True, layout="constrained")
        for axis, share in zip(axes, SHARES, strict=True):
            for engine in dict.fromkeys(one.engine for one in results):
                line = [(one.size, value) for one in results if one.engine == engine and (value := pick(one, share)) is not None]
                axis.plot(*zip(*sorted(line), strict=True), marker="o", label=NAMES.get(engine, engine)) if line else None
            axis.set(xscale="log", xlabel="chunks", title=f"filter that admits {share}")
            axis.set_yscale("linear" if name == "recall" else "log")
            axis.grid(visible=True, alpha=0.3)
        axes[0].set_ylabel(title)
        axes[-1].legend()
        for kind in ("png", "svg"):
            written.append(folder / f"{name}.{kind}")
            figure.savefig(written[-1], dpi=150)
        pyplot.close(figure)
    return written
