"""What late interaction is worth, by how little is kept of each text: `python -m benchmarks.late_interaction [folder]`.

Every way of keeping token vectors reranks the first candidates of the search on sets that others wrote, beside no reranking and beside the
cross-encoder; then the confidence curve of the tier is fitted. Token states are cached in the folder, so that another run is quick.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.qa_measures import DEPTH, EVERY, EVERYTHING, Ranked, fit_logistic, measure, reliability
from benchmarks.qa_sets import QuestionSet, available, docs, feedback
from context_service.embedding.late_interaction import OnnxTokenEncoder
from context_service.embedding.open import open_embedder, open_reranker
from context_service.embedding.protocol import Reranker
from context_service.embedding.token_vectors import LARGEST, Floats, TokenVectors, late_interaction, pooled
from context_service.embedding.weights import locate
from context_service.index.embedded import open_embedded_index
from context_service.index.protocol import FOREVER, Point
from context_service.model.base import digest
from context_service.retrieval import search as ranking
from context_service.retrieval.service import POOL
from context_service.settings import Settings

WEIGHTS = (0.6, 1.0, 1.6, 2.5, 4.0)
"""Weights of the score beside the search's; the service's own is among them."""

EIGHT_BITS = 127


@dataclass(frozen=True)
class Kept:
    """A way of keeping a text's vectors."""

    dimensions: int = 96
    pooled: int = 1
    largest: int = EIGHT_BITS

    @property
    def name(self) -> str:
        bits = {EIGHT_BITS: "8 bits", LARGEST: "4 bits", 1: "2 bits"}[self.largest]
        return f"{self.dimensions} dimensions, {bits}" + (f", pooled by {self.pooled}" if self.pooled > 1 else "")

    def of(self, states: Floats) -> TokenVectors:
        cut = states[:, : self.dimensions] / np.linalg.norm(states[:, : self.dimensions], axis=1, keepdims=True)
        return TokenVectors.of(pooled(cut, self.pooled) if self.pooled > 1 else cut, self.largest)

    def size(self, vectors: TokenVectors) -> float:
        bits = {EIGHT_BITS: 8, LARGEST: 4, 1: 2}[self.largest]
        return len(vectors.scales) * (2 + self.dimensions * bits / 8)


SERVED = Kept(96, 2, LARGEST)
WAYS = (
    Kept(384),
    Kept(128),
    Kept(96),
    Kept(64),
    Kept(128, largest=LARGEST),
    Kept(96, largest=LARGEST),
    Kept(64, largest=LARGEST),
    Kept(96, largest=1),
    Kept(96, 2),
    SERVED,
    Kept(64, 2, LARGEST),
    Kept(96, 3, LARGEST),
    Kept(128, 3, LARGEST),
)


class States:
    """Token states of texts and questions, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._encoder = OnnxTokenEncoder(locate("answerai-colbert-small-v1"), 2)
        self._folder = folder
        self.milliseconds: list[float] = []

    def of(self, text: str) -> Floats:
        path = self._folder / f"{digest(text)}.npy"
        if not path.is_file():
            started = time.process_time()
            np.save(path, self._encoder.states(text).astype(np.float16))
            self.milliseconds.append((time.process_time() - started) * 1000)
        return np.asarray(np.load(path), np.float32)


@dataclass(frozen=True)
class Asked:
    """A question, what the search found, and the logits of the first candidates."""

    question: str
    gold: frozenset[str]
    found: ranking.Found
    logits: Sequence[float]


@dataclass(frozen=True)
class Bench:
    """One set, searched."""

    questions: QuestionSet
    asked: Sequence[Asked]

    def text(self, passage: str) -> str:
        return "\n".join(self.questions.passages[passage])


def build(questions: QuestionSet, folder: Path, reranker: Reranker, asking: Sequence[QuestionSet]) -> dict[str, Bench]:
    """The set under its own questions and under those of the other sets."""
    embedder = open_embedder(Settings().embedder, 2)
    index = open_embedded_index(folder / questions.name.replace(" ", "-"), embedder.dimension)
    texts = {passage: "\n".join(parts) for passage, parts in questions.passages.items()}
    points = [
        Point(passage, "all", "all", 1, FOREVER, 0, FOREVER, vector, text)
        for (passage, text), vector in zip(texts.items(), embedder.embed_documents(list(texts.values())), strict=True)
    ]
    index.upsert(points)

    def ask(question: str, gold: frozenset[str], *, own: bool) -> Asked:
        found = ranking.search(index, ranking.Query(question, embedder.embed_query(question)), EVERYTHING)
        logits = reranker.score(question, [texts[one] for one in found.chunks[:DEPTH]]) if own else ()
        return Asked(question, gold, found, logits)

    return {
        one.name: Bench(
            questions, [ask(question, gold, own=one is questions) for question, gold in one.questions[:: 1 if one is questions else EVERY]]
        )
        for one in asking
        if one is questions or one.name.split()[0] != questions.name.split()[0]
    }


class Scorer:
    """Late-interaction scores under one way of keeping texts."""

    def __init__(self, kept: Kept, states: States) -> None:
        self._kept = kept
        self._states = states
        self._texts: dict[str, TokenVectors] = {}
        self.seconds = 0.0
        self.pairs = 0

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        query = Kept(self._kept.dimensions).of(self._states.of(question))
        vectors = [self._vectors(text) for text in texts]
        started = time.process_time()
        scores = late_interaction(query, vectors)
        self.seconds += time.process_time() - started
        self.pairs += len(texts)
        return scores

    @property
    def bytes(self) -> float:
        return float(np.mean([self._kept.size(one) for one in self._texts.values()]))

    def _vectors(self, text: str) -> TokenVectors:
        if text not in self._texts:
            self._texts[text] = self._kept.of(self._states.of(text))
        return self._texts[text]


def reranked(
    bench: Bench, scorer: Scorer, orders: Mapping[str, Callable[[Sequence[ranking.Candidate], Sequence[float]], Ranked]]
) -> dict[str, list[Ranked]]:
    """Ranked passages of each question, for each way of making one order of the scores and the search's."""
    results: dict[str, list[Ranked]] = {name: [] for name in orders}
    for one in bench.asked:
        head, tail = one.found.candidates[:POOL], one.found.chunks[POOL:]
        scores = scorer.scores(one.question, [bench.text(candidate.chunk) for candidate in head])
        for name, order in orders.items():
            results[name].append([*order(head, scores), *tail])
    return results


def alone(candidates: Sequence[ranking.Candidate], scores: Sequence[float]) -> Ranked:
    return [candidates[i].chunk for i in sorted(range(len(scores)), key=lambda i: -scores[i])]


def added(weight: float) -> Callable[[Sequence[ranking.Candidate], Sequence[float]], Ranked]:
    def order(candidates: Sequence[ranking.Candidate], scores: Sequence[float]) -> Ranked:
        fused = [candidate.scores.fused + weight * score for candidate, score in zip(candidates, scores, strict=True)]
        return alone(candidates, fused)

    return order


def by_ranks(candidates: Sequence[ranking.Candidate], scores: Sequence[float]) -> Ranked:
    return [one.chunk for one in ranking.rerank(candidates, scores)]


def crossed(bench: Bench) -> list[Ranked]:
    """The thorough tier's order."""
    return [
        [*(c.chunk for c in ranking.rerank(one.found.candidates[:DEPTH], one.logits)), *one.found.chunks[DEPTH:]] for one in bench.asked
    ]


def told(bench: Bench, ranked: Sequence[Ranked]) -> str:
    figures = measure(ranked, [one.gold for one in bench.asked])
    return f"{figures['MRR@10']:.3f} {figures['nDCG@10']:.3f}"


def main() -> None:
    console = Console()
    if not available():
        sys.exit("The shared question sets are not beside this checkout; nothing was measured.")
    reranker = open_reranker("onnx:ms-marco-minilm-l12-v2", 2)
    if reranker is None:
        raise AssertionError("the reranker is named above")
    sets = (docs(), feedback("WHO"), feedback("Australia"))
    with tempfile.TemporaryDirectory() as folder:
        states = States(Path(sys.argv[1] if len(sys.argv) > 1 else folder))
        built = [build(one, Path(folder), reranker, sets) for one in sets]
        benches = [benches[one.name] for one, benches in zip(sets, built, strict=True)]
        _print_orders(console, benches, states)
        _print_ways(console, benches, states)
        _print_confidence(console, built, states)


def _print_orders(console: Console, benches: Sequence[Bench], states: States) -> None:
    orders = {"late interaction alone": alone, "its ranks, weight 3": by_ranks} | {
        f"its score, weight {weight}": added(weight) for weight in WEIGHTS
    }
    table = Table("order", *(bench.questions.name for bench in benches), title="MRR@10 and nDCG@10 of the first 24", title_justify="left")
    table.add_row("search alone", *(told(bench, [one.found.chunks for one in bench.asked]) for bench in benches))
    table.add_row("cross-encoder over 12, fused", *(told(bench, crossed(bench)) for bench in benches))
    results = [reranked(bench, Scorer(SERVED, states), orders) for bench in benches]
    for name in orders:
        table.add_row(name, *(told(bench, result[name]) for bench, result in zip(benches, results, strict=True)))
    console.print(table)


def _print_ways(console: Console, benches: Sequence[Bench], states: States) -> None:
    title = f"kept of each text, score added with weight {ranking.INTERACTION_WEIGHT}"
    table = Table("kept", "bytes", "µs a pair", *(bench.questions.name for bench in benches), title=title, title_justify="left")
    for kept in WAYS:
        scorer = Scorer(kept, states)
        orders = {"": added(ranking.INTERACTION_WEIGHT)}
        cells = [told(bench, reranked(bench, scorer, orders)[""]) for bench in benches]
        table.add_row(kept.name, f"{scorer.bytes:,.0f}", f"{scorer.seconds / scorer.pairs * 1e6:.0f}", *cells)
    console.print(table)
    if states.milliseconds:
        console.print(f"one text or question through the model: {np.mean(states.milliseconds):.1f} ms of CPU on average")


def _print_confidence(console: Console, built: Sequence[Mapping[str, Bench]], states: States) -> None:
    """Every third question, asked of its own set and of one that cannot answer it."""
    best, answered = [], []
    scorer = Scorer(SERVED, states)
    for benches in built:
        for name, bench in benches.items():
            own = name == bench.questions.name
            for one in bench.asked[:: EVERY if own else 1]:
                head = one.found.candidates[:POOL]
                scores = scorer.scores(one.question, [bench.text(candidate.chunk) for candidate in head])
                order = added(ranking.INTERACTION_WEIGHT)(head, scores)
                best.append(max(scores))
                answered.append(float(own and any(chunk in one.gold for chunk in order[:6])))
    x, y = np.array(best), np.array(answered)
    curve = fit_logistic(x, y)
    console.print(f"\nconfidence from the best late-interaction score: slope {curve[0]:.3f}, offset {curve[1]:.3f} ({len(x)} questions)")
    for mean, share, count in reliability(x, y, curve):
        console.print(f"  said {mean:.2f}  was {share:.2f}  n={count}")


if __name__ == "__main__":
    main()
