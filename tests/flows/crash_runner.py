"""A process that ingests one company after another, each in a process of its own that a test may kill.

Reads the folder of a company on each line of its input. Everything is imported before the first, so what is killed is at work and not
at starting. Says `started PID`, `synced`, `Indexing` and `Comparing` as the ingest gets there, `ended STATUS`, and goes on
at the next line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from context_service.ingest.progress import Silent
from context_service.model.document import SyncRun
from tests.flows.small import SmallCompany


class Spoken(Silent):
    """Says each stage on the standard output."""

    def run_finished(self, run: SyncRun) -> None:
        """See Progress.run_finished."""
        say("synced")

    def stage(self, name: str, done: int, total: int) -> None:
        """See Progress.stage."""
        say(name)


def say(words: str) -> None:
    """One line to whoever started this."""
    os.write(sys.stdout.fileno(), f"{words}\n".encode())


def main() -> None:
    """One ingest per line."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            SmallCompany(Path(line.strip())).ingest(progress=Spoken())
            os._exit(0)
        say(f"started {pid}")
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        say(f"ended {end.si_status if end else None}")
        sys.stdin.readline()  # Until then nobody else can have its number.
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
