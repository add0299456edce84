"""What the embedded index promises beyond the contract: other processes, violent ends, damaged files, scores that nothing else moves."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import reduce
from operator import add
from pathlib import Path
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from context_service.errors import StoreError
from context_service.index.embedded import FILE_NAME, EmbeddedIndex, open_embedded_index
from context_service.index.protocol import FOREVER, Hit
from context_service.index.quantised import BLOCK_ROWS
from tests.contract.index_writer import SIZE
from tests.index_points import DIMENSION, dense_chunks, lexical_chunks, point, random_units, unit, where

ROOT = Path(__file__).parents[2]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EmbeddedIndex]:
    with closing(open_embedded_index(tmp_path, DIMENSION)) as opened:
        yield opened


def start_writer(folder: Path, batches: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.contract.index_writer", str(folder), str(batches)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_reader_sees_what_another_process_has_written(tmp_path: Path, index: EmbeddedIndex) -> None:
    index.upsert([point("a")])
    assert lexical_chunks(index, where()) == ["a"]
    with start_writer(tmp_path, 3) as writer:
        assert writer.wait() == 0
    assert dense_chunks(index, where(labels=["batch-2"], release=3)) == [f"chunk-2-{place}" for place in range(SIZE)]
    assert dense_chunks(index, where(labels=["batch-2"], release=4)) == []
    assert [hit.chunk for hit in index.lexical("generation2", where(labels=["shared"]), 10)] == [f"shared-{place}" for place in range(SIZE)]
    assert index.lexical("generation1", where(labels=["shared"]), 10) == []
    assert lexical_chunks(index, where()) == ["a"]


def test_a_writer_killed_at_any_moment_leaves_every_call_whole(tmp_path: Path, index: EmbeddedIndex) -> None:
    """A reader looks on the whole time; after each death, what was acknowledged is there and nothing is half there."""
    for milliseconds in np.random.default_rng(7).integers(1, 60, size=6):
        index.clear()
        with start_writer(tmp_path, 100_000) as writer:
            assert writer.stdout
            acknowledged = [writer.stdout.readline()]
            time.sleep(milliseconds / 1000)
            writer.kill()
            acknowledged += writer.stdout.readlines()
        last = max(int(line) for line in acknowledged if line.endswith("\n"))
        for seen in (index, open_embedded_index(tmp_path, DIMENSION)):
            assert_whole(seen, last)
            assert "points" in seen.check()
        seen.close()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_whole(index: EmbeddedIndex, last: int) -> None:
    """Batches up to `last` are there, perhaps the next one, each with all its points and equal ranges."""
    batches = Counter((chunk.rsplit("-", 1)[0], ranges) for chunk, ranges in index.chunks().items())
    assert set(batches.values()) == {SIZE}
    own = {name: removed_in for name, (_, removed_in) in batches if name != "shared"}
    following = {f"chunk-{last + 1}": own[f"chunk-{last + 1}"]} if f"chunk-{last + 1}" in own else {}
    assert own == {f"chunk-{number}": number + 2 for number in range(last + 1)} | following
    assert set(following.values()) <= {FOREVER, last + 3}
    generation = last + len(following)
    found = [hit.chunk for hit in index.lexical(f"generation{generation}", where(labels=["shared"]), 10)]
    assert found == [f"shared-{place}" for place in range(SIZE)]
    assert dense_chunks(index, where(labels=[f"batch-{last}"])) == [f"chunk-{last}-{place}" for place in range(SIZE)]


def test_processes_may_create_the_index_at_the_same_time(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, 2) for _ in range(4)]
    for writer in writers:
        with writer:
            assert writer.wait() == 0
    with closing(open_embedded_index(tmp_path, DIMENSION)) as index:
        assert len(index.chunks()) == 3 * SIZE


def test_those_who_create_the_index_together_lose_no_point(tmp_path: Path) -> None:
    names = [f"chunk-{number}" for number in range(6)]
    for attempt in range(8):
        together = Barrier(len(names))

        def create_and_write(name: str, folder: Path = tmp_path / str(attempt), together: Barrier = together) -> None:
            together.wait()
            with closing(open_embedded_index(folder, DIMENSION)) as index:
                index.upsert([point(name)])

        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(create_and_write, names))
        with closing(open_embedded_index(tmp_path / str(attempt), DIMENSION)) as index:
            assert sorted(index.chunks()) == names


def test_threads_that_search_beside_a_writer_never_see_half_a_call(index: EmbeddedIndex) -> None:
    chunks = [f"chunk-{number}" for number in range(5)]
    index.upsert([point(chunk, "refund generation0") for chunk in chunks])
    finished = Event()

    def watch() -> list[list[Hit]]:
        torn = []
        while not finished.is_set():
            hits = index.lexical("refund", where(), 10)
            if [hit.chunk for hit in hits] != chunks or len({hit.score for hit in hits}) != 1:
                torn.append(hits)
        return torn

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch) for _ in range(3)]
        for generation in range(1, 40):
            index.upsert([point(chunk, "refund " + "order " * (generation % 7)) for chunk in chunks])
        finished.set()
        assert [watcher.result() for watcher in watchers] == [[], [], []]


def test_threads_may_write_at_the_same_time(index: EmbeddedIndex) -> None:
    threads = [Thread(target=index.upsert, args=([point(f"chunk-{number}-{place}") for place in range(10)],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(dense_chunks(index, where(), 100)) == 80


def test_points_that_are_not_admitted_move_no_score(index: EmbeddedIndex) -> None:
    index.upsert([point("a", "refund of an order", vector=unit(1, 2)), point("b", "refund", vector=unit(2, 1))])
    before = index.dense(unit(1), where(), 5), index.lexical("refund order", where(), 5)
    forbidden = [point(f"secret-{number}", "order order refund " * 9, label="secret", vector=unit(1)) for number in range(50)]
    later = [point(f"later-{number}", "refund", releases=(2, FOREVER)) for number in range(50)]
    index.upsert([*forbidden, *later])
    assert (index.dense(unit(1), where(), 5), index.lexical("refund order", where(), 5)) == before


def test_scores_do_not_depend_on_the_order_or_the_batches_of_writing(tmp_path: Path) -> None:
    """Enough points for several blocks of vectors and segments of postings; near-equal vectors stress the rounding of the rough scan."""
    count = BLOCK_ROWS + 500
    vectors = random_units(count, seed=5)
    vectors[1::2] = vectors[::2]
    texts = [f"refund order{row % 7} camera{row % 11} " * (1 + row % 3) for row in range(count)]
    points = [point(f"chunk-{row:05}", texts[row], vector=vectors[row], label=f"label-{row % 10}") for row in range(count)]
    questions = random_units(5, seed=6)
    wide, narrow = where(labels=[f"label-{number}" for number in range(9)]), where(labels=["label-3", "label-4"])
    answers = []
    for name, order in {"forward": points, "backward": points[::-1]}.items():
        with closing(open_embedded_index(tmp_path / name, DIMENSION)) as index:
            for start in range(0, count, 3000 if name == "forward" else count):
                index.upsert(order[start : start + 3000] if name == "forward" else order)
                index.check()
            answers.append(
                [
                    (index.dense(question, allowed, 25), index.lexical("refund order3 camera5", allowed, 25))
                    for question in questions
                    for allowed in (wide, narrow)
                ]
            )
    assert answers[0] == answers[1]


def test_dense_is_exact_where_single_precision_cannot_tell_points_apart(tmp_path: Path) -> None:
    """Vectors that differ in the last bit of a few numbers: their float32 dot products are in no order worth the name."""
    dimension, count = 384, 2000
    rng = np.random.default_rng(8)
    base, question = ((vector / np.linalg.norm(vector)).astype(np.float32) for vector in rng.normal(size=(2, dimension)))
    nudged = rng.random((count, dimension)) < 0.02
    vectors = np.where(nudged, np.nextafter(base, np.float32(np.inf)), base)
    exact = [reduce(add, (float(a) * float(b) for a, b in zip(vector, question, strict=True))) for vector in vectors]
    with closing(open_embedded_index(tmp_path, dimension)) as index:
        index.upsert([point(f"chunk-{row:04}", vector=vectors[row], label=f"label-{row % 2}") for row in range(count)])
        for labels in (["label-0"], ["label-0", "label-1"]):
            rows = [row for row in range(count) if f"label-{row % 2}" in labels]
            best = sorted((Hit(f"chunk-{row:04}", exact[row]) for row in rows), key=lambda hit: (-hit.score, hit.chunk))[:20]
            assert index.dense(question, where(labels=labels), 20) == best


def test_an_index_built_under_another_analysis_takes_nothing_but_clear(tmp_path: Path, index: EmbeddedIndex) -> None:
    index.upsert([point("a")])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
        file.execute("UPDATE about SET analysis = 'older'")
        file.commit()
    with closing(open_embedded_index(tmp_path, DIMENSION)) as reopened:
        for opened in (index, reopened):
            with pytest.raises(StoreError, match="reindex"):
                opened.lexical("refund", where(), 5)
        reopened.clear()
        reopened.upsert([point("b")])
    assert lexical_chunks(index, where()) == ["b"]


def test_a_file_that_is_no_index_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreError, match=r"index\.sqlite3.*delete it and run `context-service reindex`"):
        open_embedded_index(tmp_path, DIMENSION)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match="taken"):
        open_embedded_index(tmp_path / "taken", DIMENSION)


def test_a_closed_index_says_so_instead_of_answering(index: EmbeddedIndex) -> None:
    index.upsert([point("a")])
    index.close()
    with pytest.raises(StoreError, match="closed"):
        lexical_chunks(index, where())
