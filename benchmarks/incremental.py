"""What an ingest costs when nothing changed, and when one document of a thousand did.

    python -m benchmarks.incremental

Prints the seconds of a first and a second ingest and their ratio, for the demo company and for a folder of 1,000 Markdown pages, and how
many chunks were embedded after one page changed. A second ingest should take under 5% of the first.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from context_service.app import App, assemble
from context_service.cli.demo import COMPANY, SITE_BASE, pointed_at
from context_service.cli.site import serve_site
from context_service.cli.starter import create
from context_service.declarations.company import Declarations, load
from context_service.embedding.open import open_embedder
from context_service.embedding.protocol import Embedder, Vector
from context_service.ingest.progress import Silent
from context_service.settings import Settings

PAGES = 1000


class Counting:
    """An embedder that counts the texts it embeds."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.model_id, self.dimension = embedder.model_id, embedder.dimension
        self.embed_query, self.count_tokens = embedder.embed_query, embedder.count_tokens
        self.embedded = 0

    def embed_documents(self, texts: Sequence[str]) -> Vector:
        """See Embedder.embed_documents."""
        self.embedded += len(texts)
        return self._embedder.embed_documents(texts)


def main() -> None:
    """Measure both companies."""
    embedder = Counting(open_embedder(Settings().embedder, Settings().model_threads))
    with tempfile.TemporaryDirectory() as folder, serve_site(COMPANY / "website" / "site", SITE_BASE) as site:
        tidewell = pointed_at(load(COMPANY / "context.yaml"), site.url)
        with _open(Path(folder), tidewell, embedder) as app:
            _twice("demo company", app, embedder)
    with tempfile.TemporaryDirectory() as folder:
        _thousand(Path(folder), embedder)


def _thousand(folder: Path, embedder: Counting) -> None:
    create(folder)
    pages = folder / "sources" / "handbook"
    for number in range(PAGES):
        (pages / f"page-{number:04}.md").write_text(_page(number, number % 50 + 10))
    with _open(folder / "data", load(folder / "context.yaml"), embedder) as app:
        _twice(f"{PAGES} pages", app, embedder)
        (pages / "page-0500.md").write_text(_page(500, 99))
        seconds, embedded = _ingest(app, embedder)
        print(f"{f'{PAGES} pages':14} one page changed: {seconds:6.2f} s, {embedded} of its 3 chunks embedded")


def _twice(name: str, app: App, embedder: Counting) -> None:
    first, embedded = _ingest(app, embedder)
    second, again = _ingest(app, embedder)
    print(f"{name:14} first {first:6.2f} s, {embedded} chunks embedded; second {second:6.2f} s, {again}; ratio {second / first:.1%}")


def _ingest(app: App, embedder: Counting) -> tuple[float, int]:
    before, begun = embedder.embedded, time.perf_counter()
    app.ingest([], "benchmark", Silent())
    return time.perf_counter() - begun, embedder.embedded - before


def _open(data: Path, declarations: Declarations, embedder: Embedder) -> App:
    return assemble(Settings(data=data), declarations, embedder, None)


def _page(number: int, days: int) -> str:
    return (
        f"# Article {number}\n\n## What article {number} is\n\nArticle {number} is a product of ours, made of material {number * 7}.\n\n"
        f"## Sending article {number} back\n\nYou can send article {number} back within {days} days of delivery, in its own box.\n\n"
        f"## Repairing article {number}\n\nArticle {number} is repaired in workshop {number % 9}, and you get another one meanwhile.\n"
    )


if __name__ == "__main__":
    main()
