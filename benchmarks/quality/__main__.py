"""Measure the retrieval: `python -m benchmarks.quality [--sets SET ...] [--every N] [--only SECTION ...] [--json FILE]`.

Sections: ladder, questions, facets, budget, confidence (of the unanswerable too). Vectors, scores and ingested sets are kept in the folder,
so that another run is quick. Sets that are not beside the checkout are left out, and a section that cannot run says why.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from benchmarks.quality import sections
from benchmarks.quality.company import Models
from benchmarks.quality.remembered import Kept, RememberedEmbedder, RememberedEncoder, RememberedReranker
from context_service.embedding.open import open_embedder, open_reranker, open_token_encoder
from context_service.errors import ContextServiceError
from context_service.settings import Settings

SECTIONS: dict[str, Callable[[sections.Bench], dict[str, Any]]] = {
    "ladder": sections.ladder,
    "questions": sections.questions,
    "facets": sections.facets,
    "budget": sections.budget,
    "confidence": sections.confidence,
}


def main() -> None:
    """Run the sections that are asked for."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # no line for each conflict of a set
    bench = sections.Bench(Console(), asked.folder, asked.plots or asked.folder, models(asked.folder), tuple(asked.sets), asked.every)
    if asked.every > 1:
        bench.say(f"One in {asked.every} questions of each set is asked; the figures of all of them differ.")
    figures: dict[str, Any] = {"every": asked.every, "sets": asked.sets}
    for name in asked.only or SECTIONS:
        figures[name] = _ran(bench, name)
        if asked.json:
            asked.json.write_text(json.dumps(figures, indent=1))


def _ran(bench: sections.Bench, name: str) -> dict[str, Any]:
    """A section's figures; a fault of the service in it is named and leaves the other sections theirs."""
    started = time.monotonic()
    bench.say(f"-- {name}")
    try:
        figures = SECTIONS[name](bench)
    except (ContextServiceError, OSError) as fault:
        figures = bench.failed(name, fault)
    if not figures:
        bench.say(f"{name}: not measured, none of its sets was asked for or is there.")
    bench.say(f"{name}: {time.monotonic() - started:.0f} s")
    return figures


def models(folder: Path) -> Models:
    """The service's own models, their output kept in `folder`."""
    settings, kept = Settings(), Kept(folder / "kept.sqlite3")
    reranker = open_reranker("onnx:ms-marco-minilm-l12-v2", settings.model_threads)
    if reranker is None:
        raise AssertionError("the reranker is named above")
    embedder = RememberedEmbedder(open_embedder(settings.embedder, settings.model_threads), kept)
    encoder = open_token_encoder(settings.late_interaction, settings.model_threads)
    return Models(embedder, RememberedReranker(reranker, kept), RememberedEncoder(encoder, kept) if encoder else None)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "context-quality", help="what is kept between runs")
    parser.add_argument("--plots", type=Path, help="folder for the reliability diagram; left out, the same")
    names = (*sections.SETS, sections.FIXTURES)
    parser.add_argument("--sets", nargs="+", choices=names, default=list(names), help="sets to measure; all, if left out")
    parser.add_argument("--every", type=_positive, default=1, help="ask every so-manieth question, to be quick")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections to run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
