"""The project's own company and its answer key as a set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.quality.company import Company, Models, assembled, read, state_of
from benchmarks.quality.corpora import Asked, Corpus, Place
from context_service.cli.demo import COMPANY, SITE_BASE, pointed_at
from context_service.cli.site import serve_site
from context_service.declarations.company import load
from context_service.ingest.progress import Silent
from context_service.settings import Settings

TRUTH = COMPANY.parent / "truth.yaml"


@contextmanager
def tidewell(folder: Path, models: Models, every: int = 1) -> Iterator[Company]:
    """The demo company with every so-manieth question, ingested unless it is there from an earlier run. The ladder asks it without a
    customer, so conflicts are open.
    """
    with serve_site(COMPANY / "website" / "site", SITE_BASE) as site:
        settings = Settings(config=COMPANY / "context.yaml", data=folder / f"tidewell-{state_of(*sorted(COMPANY.rglob('*')))}")
        with assembled(settings, pointed_at(load(settings.config), site.url), models) as app:
            if not app.records.head():
                app.ingest([], "benchmark", Silent())
            yield read(Corpus("fixtures", {}, answerable()[::every]), app)


def answerable() -> tuple[Asked, ...]:
    """The questions of the key that some words answer; each of them counts as a part."""
    rows: list[dict[str, Any]] = YAML(typ="safe").load(TRUTH.read_text("utf-8"))["questions"]
    said = ((row["ask"], [Place(one["document"], one["says"]) for one in row.get("must", ()) if one.get("says")]) for row in rows)
    return tuple(Asked(question, tuple((place,) for place in places)) for question, places in said if places)
