"""Figures over sets of whole passages: what a ranking is worth, and the confidence curve over one score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.quality import metrics
from benchmarks.quality.calibration import Floats, fit
from benchmarks.quality.ladder import DEPTH, EVERYTHING

__all__ = ["DEPTH", "EVERY", "EVERYTHING", "Ranked", "fit_logistic", "measure", "reliability"]

EVERY = 3
"""A confidence curve is fitted on every third question: reading pairs is what takes the time."""

Ranked = Sequence[str]
"""Ids of passages, best first."""


def measure(ranked: Sequence[Ranked], gold: Sequence[frozenset[str]]) -> dict[str, float]:
    """MRR@10, nDCG@10, and the share of questions with a right passage among the first 6 and 20."""
    return metrics.measure([_covering(passages, right) for passages, right in zip(ranked, gold, strict=True)])


def _covering(passages: Ranked, right: frozenset[str]) -> metrics.Ranked:
    numbers = {passage: frozenset({number}) for number, passage in enumerate(sorted(right))}
    return metrics.Ranked([numbers.get(passage, frozenset()) for passage in passages], [frozenset(range(len(numbers)))])


def fit_logistic(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and offset of the logistic curve of greatest likelihood over one score."""
    slope, offset = fit(x[:, None], y)
    return float(slope), float(offset)


def reliability(x: Floats, y: Floats, curve: tuple[float, float]) -> list[tuple[float, float, int]]:
    """Mean confidence, share answered and count in five bins of confidence."""
    p = 1 / (1 + np.exp(-(curve[0] * x + curve[1])))
    bins = np.minimum((p * 5).astype(int), 4)
    return [(float(p[bins == b].mean()), float(y[bins == b].mean()), int((bins == b).sum())) for b in range(5) if (bins == b).any()]
