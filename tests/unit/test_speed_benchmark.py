"""The comparison's own logic on a tiny corpus: figures, corpus, filters, protocol. Nothing here is timed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.__main__ import QUICK, arguments
from benchmarks.speed.corpus import LABELS, REGIONS, SHARES, ZONES, Corpus, Passage, admitted, exact, make, passages
from benchmarks.speed.figures import Result, Spread, load, percentile, recall, save, spread
from benchmarks.speed.measure import blocks, ran
from benchmarks.speed.protocol import Child, Failed, TimeLimit, answer
from benchmarks.speed.report import rows

BASE = [
    Passage(f"Policy {number}", tuple(f"Sentence {part} of policy {number} says {part * number}." for part in range(8)))
    for number in range(5)
]
VECTORS = np.asarray(np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0][:5], np.float32)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make(tmp_path / "corpus", 2000, BASE, VECTORS, 4)


class Echo:
    """An engine that finds its question's number."""

    def build(self) -> None:
        raise OSError("no room")

    def open(self) -> None:
        pass

    def retrieve(self, question: int, limit: int) -> list[str]:
        return [f"chunk-{question}"][:limit]

    def nearest(self, question: int, limit: int) -> list[str]:
        return self.retrieve(question, limit)

    def variants(self) -> list[str]:
        return ["none"]

    def serve(self, port: int) -> None:
        pass

    def request(self, question: int, variant: str) -> tuple[str, dict[str, str], dict[str, object]]:
        return "/context", {}, {"query": question, "variant": variant}

    def processes(self) -> list[int]:
        return []


def test_a_percentile_is_one_of_the_values_by_nearest_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert np.isnan(percentile([], 0.5))
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3.0, 3)


def test_recall_is_the_part_of_the_exact_answer_that_was_found() -> None:
    assert recall(["a", "b", "x"], ["a", "b", "c", "d"]) == 0.5
    assert recall([], ["a"]) == 0.0
    assert recall([], []) == 1.0


def test_results_come_back_as_they_were_saved(tmp_path: Path) -> None:
    one = Result(
        "ours", 10, build_seconds=2.0, retrieval={"1%": Spread(1.0, 2.0, 3.0, 4)}, stages={"none 1%": {"embed": Spread(1, 1, 1, 1)}}
    )
    save(tmp_path / "results.json", {"cores": 2}, [one])
    assert load(tmp_path / "results.json") == [one]
    assert one.chunks_per_second == 5.0
    assert load(tmp_path / "nothing.json") == []


def test_an_engine_that_was_left_out_says_why_in_the_table() -> None:
    told = rows(Result("txtai", 10, reason="`build` took longer than 5 s"))
    assert any("took longer" in cell for line in told for cell in line)
    half = rows(Result("txtai", 10, context={"none 1%": Spread(1, 2, 3, 4)}, reason="ended"))
    assert [line[3] for line in half] == ["-", "ended"]
    measured = Result(
        "ours", 10, context={"fast 1%": Spread(1, 2, 3, 4)}, crowd={"fast 1%": Spread(1, 2, 3, 4)}, per_second={"fast 1%": 9.0}
    )
    assert [line[:3] for line in rows(measured)] == [["this service", "fast", "1%"]]


def test_the_corpus_is_the_same_at_every_run(corpus: Corpus, tmp_path: Path) -> None:
    again = make(tmp_path / "again", 2000, BASE, VECTORS, 4)
    assert list(again.entries()) == list(corpus.entries())
    assert again.questions() == corpus.questions()
    assert np.array_equal(again.vectors(), corpus.vectors())
    assert np.allclose(np.linalg.norm(corpus.vectors(), axis=1), 1, atol=1e-5)


def test_entries_say_what_the_facts_say(corpus: Corpus) -> None:
    labels, regions = corpus.facts()
    entries = list(corpus.entries())
    assert [LABELS.index(entry.label) for entry in entries] == labels.tolist()
    assert [REGIONS.index(entry.region) for entry in entries] == regions.tolist()
    assert len({entry.id for entry in entries}) == len(entries) == 2000


def test_filters_admit_about_the_part_that_they_name(corpus: Corpus) -> None:
    questions = make(corpus.folder.parent / "many", 20_000, BASE, VECTORS, 40).questions()
    many = Corpus(corpus.folder.parent / "many")
    for share, expected in {"10%": 0.1, "1%": 0.01}.items():
        kept = [len(admitted(many, question)) / 20_000 for question in questions if question.share == share]
        assert np.mean(kept) == pytest.approx(expected, rel=0.25)
    assert {question.share for question in questions} == set(SHARES)
    assert all(question.regions == ZONES.get(question.place, (question.place,)) for question in questions)


def test_the_exact_answer_holds_the_nearest_admitted_chunks_and_no_other(corpus: Corpus) -> None:
    question = replace(corpus.questions()[0], labels=tuple(LABELS[:50]), regions=tuple(REGIONS))
    found = exact(corpus, question, VECTORS[0], 5)
    entries = {entry.id: row for row, entry in enumerate(corpus.entries())}
    scores = corpus.vectors().astype(np.float64) @ VECTORS[0].astype(np.float64)
    allowed = [entry.id for entry in corpus.entries() if entry.label in question.labels]
    assert found == sorted(allowed, key=lambda name: (-scores[entries[name]], name))[:5]


def test_passages_are_distinct_stretches_of_the_documents() -> None:
    text = " ".join(f"Word{number} is one of the words." for number in range(60))
    found = passages([("One", text), ("Two", text)], lambda whole: [f"{part}." for part in whole.split(".") if part])
    assert len(found) == len({one.sentences for one in found}) > 1


def test_questions_are_asked_in_turns() -> None:
    assert [list(block) for block in blocks(range(23))] == [list(range(10)), list(range(10, 20)), [20, 21, 22]]
    assert ran({"ranking": {"tier": "fast"}}) == "fast"
    assert ran({"items": []}) == "none"


def test_an_engine_answers_what_a_line_asks() -> None:
    took, found = answer(Echo(), {"do": "retrieve", "questions": [3], "limit": 10})[0]
    assert (found, took >= 0) == (["chunk-3"], True)
    assert answer(Echo(), {"do": "nearest", "questions": [1, 2], "limit": 1}) == [["chunk-1"], ["chunk-2"]]
    assert answer(Echo(), {"do": "requests", "questions": [4], "variant": "fast"}) == [("/context", {}, {"query": 4, "variant": "fast"})]
    assert answer(Echo(), {"do": "memory"})["resident"] > 0
    with pytest.raises(ValueError, match="dance"):
        answer(Echo(), {"do": "dance"})


CHILD = """
import time
from benchmarks.speed.protocol import serve_lines
from tests.unit.test_speed_benchmark import Echo

class Chatty(Echo):
    def open(self):
        print("a library says hello")
    def serve(self, port):
        time.sleep(60)
    def variants(self):
        raise SystemExit(3)

serve_lines(Chatty())
"""


def test_a_process_answers_fails_dawdles_or_dies_and_the_other_side_knows(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with Child([sys.executable, "-c", CHILD], {"PYTHONPATH": root}, tmp_path / "log") as child:
        assert child.ask("open", 60) >= 0
        assert child.ask("nearest", 60, questions=[5], limit=1) == [["chunk-5"]]
        with pytest.raises(Failed, match="no room"):
            child.ask("build", 60)
        with pytest.raises(Failed, match="ended"):
            child.ask("variants", 60)
    assert "hello" in (tmp_path / "log").read_text()
    with Child([sys.executable, "-c", CHILD], {"PYTHONPATH": root}, tmp_path / "log") as child:
        child.ask("open", 60)
        with pytest.raises(TimeLimit):
            child.ask("serve", 0.1, port=1)
    child.close()


def test_questions_are_kept_as_json(corpus: Corpus) -> None:
    raw = json.loads((corpus.folder / "questions.json").read_text())
    assert len(raw) == 4 * len(SHARES)


def test_quick_is_a_small_run_whose_options_can_still_be_chosen() -> None:
    quick, chosen = arguments(["--out", "x", "--quick"]), arguments(["--out", "x", "--quick", "--questions", "7"])
    assert {name: getattr(quick, name) for name in QUICK} == QUICK
    assert (chosen.questions, chosen.sizes) == (7, QUICK["sizes"])
    assert arguments(["--out", "x"]).sizes == "10000,100000,500000"


def test_a_line_says_how_many_answers_came_out_of_another_tier() -> None:
    measured = Result("ours", 10, context={"fast 1%": Spread(1, 2, 3, 4)}, ran={"fast 1%": {"fast": 3, "none": 1}})
    assert rows(measured)[0][1] == "fast (1 of 4 by another)"
    assert rows(replace(measured, ran={"fast 1%": {"fast": 4}}))[0][1] == "fast"
