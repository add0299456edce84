"""What each step of the ranking is worth, and how sure its best score lets us be: `python -m benchmarks.retrieval_quality`.

Prints MRR@10, nDCG@10 and recall at 6 and 20 of every rung on sets that others wrote, then fits the confidence curve on answerable and
unanswerable questions (those of one set asked of another).
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.qa_sets import QuestionSet, available, docs, feedback
from context_service.embedding.open import open_embedder, open_reranker
from context_service.embedding.protocol import Embedder, Reranker
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import FOREVER, IndexStore, Point, SearchFilter
from context_service.retrieval import search as ranking
from context_service.settings import Settings

EVERYTHING = SearchFilter(labels=frozenset({"all"}), facets=frozenset({"all"}), release=1, effective_on=None)
DEPTH = 12
"""Candidates that the reranker reads, as in a workflow's default."""

EVERY = 3
"""The confidence curve is fitted on every third question: reading pairs is what takes the time."""

Ranked = Sequence[str]


@dataclass(frozen=True)
class Bench:
    """One set, indexed."""

    questions: QuestionSet
    index: IndexStore
    embedder: Embedder
    reranker: Reranker

    def found(self, question: str) -> ranking.Found:
        return ranking.search(self.index, ranking.Query(question, self.embedder.embed_query(question)), EVERYTHING)

    def text(self, passage: str) -> str:
        return "\n".join(self.questions.passages[passage])

    def logits(self, question: str, passages: Sequence[str]) -> list[float]:
        return self.reranker.score(question, [self.text(passage) for passage in passages])


def build(questions: QuestionSet, folder: Path, embedder: Embedder, reranker: Reranker) -> Bench:
    """Index a set's passages with their headers."""
    index = open_embedded_index(folder / questions.name.replace(" ", "-"), embedder.dimension)
    texts = {passage: f"{header}\n{text}" for passage, (header, text) in questions.passages.items()}
    vectors = embedder.embed_documents(list(texts.values()))
    points = [
        Point(passage, "all", "all", 1, FOREVER, 0, FOREVER, vector, text)
        for (passage, text), vector in zip(texts.items(), vectors, strict=True)
    ]
    index.upsert(points)
    return Bench(questions, index, embedder, reranker)


def rungs(bench: Bench) -> dict[str, list[Ranked]]:
    """Ranked passage ids for each question, by rung."""
    results: dict[str, list[Ranked]] = {"BM25": [], "dense": [], "fused": [], "fused, then reranker alone": [], "fused with reranker": []}
    for question, _ in bench.questions.questions:
        found = bench.found(question)
        by = found.candidates
        results["BM25"].append([one.chunk for one in sorted(by, key=lambda c: c.scores.lexical_rank or math.inf)])
        results["dense"].append([one.chunk for one in sorted(by, key=lambda c: c.scores.dense_rank or math.inf)])
        results["fused"].append(found.chunks)
        head, tail = by[:DEPTH], by[DEPTH:]
        reranked = ranking.rerank(head, bench.logits(question, [one.chunk for one in head]))
        alone = sorted(reranked, key=lambda one: -(one.scores.reranked or 0))
        results["fused, then reranker alone"].append([one.chunk for one in [*alone, *tail]])
        results["fused with reranker"].append([one.chunk for one in [*reranked, *tail]])
    return results


def measure(ranked: Sequence[Ranked], gold: Sequence[frozenset[str]]) -> dict[str, float]:
    """MRR@10, nDCG@10, and the share of questions with a right passage among the first 6 and 20."""
    pairs = list(zip(ranked, gold, strict=True))
    return {
        "MRR@10": _mean(lambda r, g: next((1 / i for i, one in enumerate(r[:10], 1) if one in g), 0.0), pairs),
        "nDCG@10": _mean(_ndcg, pairs),
        "hit@6": _mean(lambda r, g: float(any(one in g for one in r[:6])), pairs),
        "hit@20": _mean(lambda r, g: float(any(one in g for one in r[:20])), pairs),
    }


def _mean(score: Callable[[Ranked, frozenset[str]], float], pairs: Sequence[tuple[Ranked, frozenset[str]]]) -> float:
    return sum(score(ranked, gold) for ranked, gold in pairs) / len(pairs)


def _ndcg(ranked: Ranked, gold: frozenset[str]) -> float:
    gain = sum(1 / math.log2(i + 1) for i, one in enumerate(ranked[:10], 1) if one in gold)
    return gain / sum(1 / math.log2(i + 1) for i in range(1, min(len(gold), 10) + 1))


def confidence_points(benches: Sequence[Bench]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each question asked of its own and of another set: best logit, best cosine, and whether the answer is among six items."""
    logits, cosines, answered = [], [], []
    for asked in benches:
        for bench in benches:
            strangers = bench.questions.name.split()[0] != asked.questions.name.split()[0]
            if bench is not asked and not strangers:
                continue  # two health authorities answer each other's questions
            for question, gold in asked.questions.questions[::EVERY]:
                found = bench.found(question)
                head = found.candidates[:DEPTH]
                ranked = ranking.rerank(head, bench.logits(question, [one.chunk for one in head]))
                logits.append(max(one.scores.reranked or 0.0 for one in ranked))
                cosines.append(found.best_cosine)
                answered.append(float(bench is asked and any(one.chunk in gold for one in ranked[:6])))
    return np.array(logits), np.array(cosines), np.array(answered)


def fit_logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset of the logistic curve of greatest likelihood, by Newton's method."""
    weights = np.zeros(2)
    design = np.stack([x, np.ones_like(x)], axis=1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        weights = weights + np.linalg.solve(hessian, design.T @ (y - p))
    return float(weights[0]), float(weights[1])


def reliability(x: NDArray[np.float64], y: NDArray[np.float64], curve: tuple[float, float]) -> list[tuple[float, float, int]]:
    """Mean confidence, share answered and count in five bins of confidence."""
    p = 1 / (1 + np.exp(-(curve[0] * x + curve[1])))
    bins = np.minimum((p * 5).astype(int), 4)
    return [(float(p[bins == b].mean()), float(y[bins == b].mean()), int((bins == b).sum())) for b in range(5) if (bins == b).any()]


def main() -> None:
    console = Console()
    if not available():
        sys.exit("The shared question sets are not beside this checkout; nothing was measured.")
    settings = Settings()
    embedder, reranker = open_embedder(settings.embedder, 2), open_reranker("onnx:ms-marco-minilm-l12-v2", 2)
    if reranker is None:
        raise AssertionError("the reranker is named above")
    with tempfile.TemporaryDirectory() as folder:
        benches = [build(one, Path(folder), embedder, reranker) for one in (docs(), feedback("WHO"), feedback("Australia"))]
        for bench in benches:
            _print_rungs(console, bench)
        _print_confidence(console, benches)


def _print_rungs(console: Console, bench: Bench) -> None:
    gold = [answer for _, answer in bench.questions.questions]
    size = f"{len(bench.questions.passages)} passages, {len(gold)} questions"
    table = Table("rung", "MRR@10", "nDCG@10", "hit@6", "hit@20", title=f"{bench.questions.name}: {size}", title_justify="left")
    for rung, ranked in rungs(bench).items():
        table.add_row(rung, *(f"{value:.3f}" for value in measure(ranked, gold).values()))
    console.print(table)


def _print_confidence(console: Console, benches: Sequence[Bench]) -> None:
    logits, cosines, answered = confidence_points(benches)
    for name, x in (("best reranker logit", logits), ("best cosine", cosines)):
        curve = fit_logistic(x, answered)
        console.print(f"\nconfidence from the {name}: slope {curve[0]:.3f}, offset {curve[1]:.3f} ({len(x)} questions)")
        for mean, share, count in reliability(x, answered, curve):
            console.print(f"  said {mean:.2f}  was {share:.2f}  n={count}")


if __name__ == "__main__":
    main()
