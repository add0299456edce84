"""A process that does one thing to a small company's releases after another, each in a process of its own that a test may kill.

Reads `DATABASE OPERATION FOLDER` on each line of its input; says `started PID` and `ended STATUS`, and goes on at the next line. Parsing
happens in the process itself, so that what is killed is at work on stores and not at starting another process.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from context_service.app import new_id, utc_now
from context_service.declarations.company import load
from context_service.errors import DraftConflict
from context_service.index.embedded import open_embedded_index
from context_service.ingest.connector import Limits
from context_service.ingest.parsing import ParserPool
from context_service.ingest.pipeline import Ingest
from context_service.ingest.plugins import connector_kind
from context_service.ingest.progress import Silent
from context_service.model.access import Principal, PrincipalKind
from context_service.model.document import Content, Parsed
from context_service.model.release import DraftState
from context_service.records.protocol import RecordStore
from context_service.records.schema import expected_schema
from context_service.records.sql import open_records
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from tests.fakes import FakeEmbedder
from tests.flows.crash_runner import say

OPERATOR = Principal(id="olga", kind=PrincipalKind.PERSON, operator=True)
RETENTION = Retention(releases=3, days=0)
PATIENCE_SECONDS = 20.0
"""A database may notice late that a killed process is gone, and free its locks only then."""


class InHere(ParserPool):
    """Parses in this process."""

    def submit(self, kind: str, content: Content) -> Future[Parsed]:
        """See ParserPool.submit."""
        done: Future[Parsed] = Future()
        done.set_result(connector_kind(kind).parse(content, Limits()))
        return done


def work(url: str, operation: str, folder: Path) -> None:
    """Do one thing from its beginning or from where a killed process left it."""
    declarations, embedder = load(folder / "context.yaml"), FakeEmbedder()
    with (
        closing(open_records(url)) as records,
        closing(open_embedded_index(folder / "index", embedder.dimension)) as index,
        InHere(Limits()) as parsers,
    ):
        releases = Releases(records, index, embedder, declarations, RETENTION, now=utc_now, new_id=new_id)
        if operation == "ingest":
            ingest = Ingest(records, index, embedder, now=utc_now, new_id=new_id, limits=Limits(), parsers=parsers)
            ingest.run(declarations, ["notes"], "test", Silent())
        elif operation == "retain":
            releases.retain("test")
        elif operation == "publish":
            _publish(records, releases)
        elif operation == "restore":
            releases.restore()
        else:
            releases.rollback(OPERATOR, int(operation.removeprefix("rollback-")), "Prices were wrong.")
            releases.restore()


def _publish(records: RecordStore, releases: Releases) -> None:
    for draft in records.drafts():
        if draft.state is DraftState.HELD:
            releases.check(OPERATOR, draft.id)
            releases.publish(OPERATOR, draft.id, "They are right now.")


def patiently(url: str, operation: str, folder: Path) -> None:
    """Wait for a lock that nobody holds any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work(url, operation, folder)
        except DraftConflict as conflict:
            if "in use" not in str(conflict) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def main() -> None:
    """One thing per line."""
    expected_schema()  # reads the migrations, once for all processes
    for line in sys.stdin:
        url, operation, folder = line.split()
        pid = os.fork()
        if not pid:
            patiently(url, operation, Path(folder))
            os._exit(0)
        say(f"started {pid}")
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        say(f"ended {end.si_status if end else None}")
        sys.stdin.readline()  # Until then nobody else can have its number.
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
