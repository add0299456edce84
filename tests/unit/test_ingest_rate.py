"""The clock of the ingest benchmark, on a made-up time."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import count

import pytest

from benchmarks.ingest_rate import Clock, Descendants


def test_a_part_within_a_part_counts_for_itself_alone() -> None:
    ticks = count()
    clock = Clock(lambda: (float(tick := next(ticks)), 2.0 * tick))
    inner = clock.timed("inner", lambda value: value + 1)
    with clock.part("outer"):
        assert inner(1) == 2
    with pytest.raises(ZeroDivisionError), clock.part("inner"):
        1 / 0  # noqa: B018 - a part ends however its block does
    assert clock.elapsed == {"outer": 2.0, "inner": 2.0}
    assert clock.worked == {"outer": 4.0, "inner": 4.0}


def test_a_process_counts_by_who_started_it_and_is_not_forgotten_when_it_ends() -> None:
    with Descendants() as below, subprocess.Popen([sys.executable, "-c", "sum(range(10**7)); input()"], stdin=subprocess.PIPE) as child:
        while not sum(below.seconds().values()):
            time.sleep(0.05)
        child.communicate(b"\n")
    assert below.seconds().keys() == {"parser start"}
    assert below.seconds()["parser start"] > 0
