"""What a ranking is worth: MRR@10, nDCG@10, and recall at 6 and 20."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Covered = frozenset[int]
"""Which of a question's places one ranked result covers, by number."""


@dataclass(frozen=True)
class Ranked:
    """One question's results, best first, as what they cover, and the places that answer each of its parts."""

    results: Sequence[Covered]
    parts: Sequence[frozenset[int]]

    def first(self, part: frozenset[int]) -> int | None:
        """Rank of the first result that answers a part."""
        return next((rank for rank, covered in enumerate(self.results, 1) if covered & part), None)


def reciprocal_rank(one: Ranked) -> float:
    """Mean over the parts of 1 / rank of the first right result among ten."""
    return _mean([1 / rank if (rank := one.first(part)) and rank <= 10 else 0.0 for part in one.parts])


def recall(one: Ranked, depth: int) -> float:
    """Share of the parts that are answered within the first `depth` results."""
    return _mean([float(bool((rank := one.first(part)) and rank <= depth)) for part in one.parts])


def ndcg(one: Ranked) -> float:
    """Each place counts once, where it is first covered, discounted by the logarithm of its rank; 1 is the best possible order."""
    seen: set[int] = set()
    gain = 0.0
    for rank, covered in enumerate(one.results[:10], 1):
        if covered - seen:
            gain += 1 / math.log2(rank + 1)
        seen |= covered
    places = len(frozenset().union(*one.parts))
    return min(1.0, gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(places, 10) + 1)))


def measure(ranked: Sequence[Ranked]) -> dict[str, float]:
    """The four figures over a set's questions."""
    figures: dict[str, Callable[[Ranked], float]] = {
        "MRR@10": reciprocal_rank,
        "nDCG@10": ndcg,
        "recall@6": lambda one: recall(one, 6),
        "recall@20": lambda one: recall(one, 20),
    }
    return {name: _mean([figure(one) for one in ranked]) for name, figure in figures.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
