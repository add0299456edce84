"""This service against Haystack with Qdrant, LlamaIndex with BM25 fusion, and txtai, in one run.

    python -m benchmarks.speed.peers_setup .venv-peers
    python -m benchmarks.speed --sizes 10000,100000,500000 --out OUT --peers .venv-peers
    python -m benchmarks.speed --quick --out OUT --peers .venv-peers

The second runs all of it on 10,000 chunks with fewer questions, meant for ten minutes on two quiet cores; an engine that takes too long is
left out and named.

What was built, and each size that was measured, is kept in OUT: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.speed import sources
from benchmarks.speed.child import ENGINES
from benchmarks.speed.corpus import Passage, load_base, make
from benchmarks.speed.figures import Result, load, save
from benchmarks.speed.measure import Bench, Plan
from benchmarks.speed.report import plot, show
from context_service.embedding.open import open_embedder
from context_service.embedding.protocol import Embedder
from context_service.settings import Settings

TIERS = ("none", "fast", "thorough")
QUICK = {"sizes": "10000", "questions": 30, "crowd": 96, "build_limit": 150.0, "ask_limit": 60.0}
"""What `--quick` stands for; an option that is given beside it counts."""

REPORT_WIDTH = 220
"""Columns of the table where it does not go to a terminal."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or what is `given` in its place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,500000", help="chunks, with commas between")
    parser.add_argument("--out", type=Path, required=True, help="folder for corpora, indexes and results; 500,000 chunks take about 20 GB")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="environment of the peers, see peers_setup")
    parser.add_argument("--engines", default=",".join(ENGINES), help="engines to run, with commas between")
    parser.add_argument("--rerank", default=",".join(TIERS), help="tiers of this service to measure, with commas between")
    parser.add_argument("--questions", type=int, default=200, help="questions for each filter")
    parser.add_argument("--crowd", type=int, default=640, help="requests that 32 clients send together")
    parser.add_argument("--build-limit", type=float, default=5400, help="seconds that an engine may take to bring a corpus in")
    parser.add_argument("--ask-limit", type=float, default=900, help="seconds for a start or for ten questions")
    parser.add_argument("--again", action="store_true", help="measure sizes anew that have results; what was built stays")
    parser.add_argument("--quick", action="store_true", help="10,000 chunks, fewer questions, shorter limits; meant for ten minutes")
    if parser.parse_args(given).quick:
        parser.set_defaults(**QUICK)
    return parser.parse_args(given)


def main() -> int:
    """Run and report. Returns the process's exit code."""
    options, console = arguments(), Console(stderr=True)
    if not sources.available():
        console.print(f"The shared data is not there ({sources.POLICIES}); nothing to measure.")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    base, embedder = sources.base(), open_embedder(Settings().embedder, 2)
    for size in map(int, options.sizes.split(",")):
        results = load(options.out / "results.json")
        engines = [name for name in options.engines.split(",") if options.again or not _has(results, name, size)]
        if engines:
            measured = _size(options, engines, size, base, embedder, console)
            kept = [one for one in results if not (one.size == size and one.engine in engines)]
            save(options.out / "results.json", _about(options), sorted([*kept, *measured], key=lambda one: (one.size, one.engine)))
    results = load(options.out / "results.json")
    show(Console(width=None if sys.stdout.isatty() else REPORT_WIDTH), results)
    _plot(results, options.out, console)
    return 0


def _size(
    options: argparse.Namespace, engines: list[str], size: int, base: list[Passage], embedder: Embedder, console: Console
) -> list[Result]:
    console.rule(f"{size:,} chunks")
    vectors = load_base(options.out, base, embedder.model_id, embedder.embed_documents)
    corpus = make(options.out / f"corpus-{size}", size, base, vectors, max(200, options.questions))
    plan = Plan(
        out=options.out,
        engines=engines,
        tiers=options.rerank.split(","),
        questions=options.questions,
        crowd=options.crowd,
        peers_python=options.peers / "bin" / "python",
        build_limit=options.build_limit,
        ask_limit=options.ask_limit,
    )
    return Bench(plan, corpus, size, embedder, console).run()


def _has(results: list[Result], engine: str, size: int) -> bool:
    return any(one.engine == engine and one.size == size for one in results)


def _about(options: argparse.Namespace) -> dict[str, object]:
    return {"python": platform.python_version(), "cores": os.cpu_count(), "questions": options.questions, "load": os.getloadavg()}


def _plot(results: list[Result], folder: Path, console: Console) -> None:
    try:
        written = plot(results, folder)
    except ImportError:
        console.print("No plots: matplotlib is not installed (`pip install 'context-service[benchmarks]'`).")
    else:
        console.print("Plots: " + ", ".join(path.name for path in written))


if __name__ == "__main__":
    sys.exit(main())
