"""A process that runs the schedule over one company until it is killed, or told to end by the end of its input.

Says `ready`, and `synced SOURCE` at the end of each sync.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from context_service.app import App, assemble
from context_service.declarations.company import load
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker


def open_now(folder: Path, records_url: str = "") -> App:
    """The company of `folder`, with models that need no weights, in real time."""
    settings = Settings(config=folder / "context.yaml", data=folder / "data", records_url=records_url, schedule=True)
    return assemble(settings, load(settings.config), FakeEmbedder(), FakeReranker(), now=lambda: datetime.now(UTC))


def main() -> None:
    """Run until the input ends."""
    with open_now(Path(sys.argv[1]), sys.argv[2]) as app, app.scheduled():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
