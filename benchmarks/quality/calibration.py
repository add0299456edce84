"""How sure an answer may be: what the ranking saw of each question, the curve over it, and how well what it says holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.company import AGENT, EVERYTHING, Company
from benchmarks.quality.corpora import Asked
from benchmarks.quality.ladder import ranked
from benchmarks.quality.metrics import recall
from context_service.model.context import ContextRequest
from context_service.model.workflow import Tier
from context_service.retrieval.confidence import Curve, Signals

Floats = NDArray[np.float64]

TOLD = 6
"""Items among which the answer has to be, as in a workflow's default."""

SPARED = 0.05
"""Most of the answerable questions that may come back insufficient."""

BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class Case:
    """One question asked of one set: what the ranking saw, whether the answer was told, and whether the set holds one at all."""

    group: str
    question: str
    tier: Tier
    signals: Signals
    answered: bool
    answerable: bool


@dataclass(frozen=True)
class Bin:
    """Questions of about one confidence: what was said on average, and for how many the answer was told."""

    said: float
    was: float
    count: int


def cases(company: Company, channel: str, strangers: Sequence[Asked] = ()) -> Iterator[Case]:
    """Its own questions, those that it cannot answer, and `strangers`, which are of another set."""
    name = company.corpus.name
    for asked in company.corpus.asked:
        yield _case(company, channel, asked, name)
    for question in company.corpus.unanswerable:
        yield _case(company, channel, Asked(question), f"{name}, unanswerable")
    for asked in strangers:
        yield _case(company, channel, Asked(asked.question), f"{name}, another's")


def _case(company: Company, channel: str, asked: Asked, group: str) -> Case:
    computed = company.app.context.compute(ContextRequest(query=asked.question, workflow=EVERYTHING, channel=channel), AGENT)
    told = [item.chunk for item in computed.reply.items]
    answered = bool(asked.parts) and recall(ranked(company, asked, told), TOLD) > 0
    return Case(group, asked.question, computed.reply.ranking.tier, computed.signals, answered, bool(asked.parts))


def design(every: Sequence[Case]) -> tuple[Floats, Floats]:
    """The signals of each case, a row each, and whether it was answered."""
    return np.array([one.signals.numbers for one in every]), np.array([float(one.answered) for one in every])


def fit(x: Floats, y: Floats, *, strength: float = 1e-3) -> Floats:
    """Weights and offset of the logistic curve of greatest likelihood, by Newton's method, with a trace of shrinkage."""
    rows = np.column_stack([x, np.ones(len(x))])
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        hessian = rows.T @ (rows * (p * (1 - p))[:, None]) + strength * np.eye(len(weights))
        weights = weights + np.linalg.solve(hessian, rows.T @ (y - p) - strength * weights)
    return np.asarray(weights)


def fitted(every: Sequence[Case]) -> Curve:
    """The curve over the cases."""
    score, cosine, offset = fit(*design(every))
    return Curve(float(score), float(cosine), float(offset))


def halves(every: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Every second case of each group to fit on, the others to report on."""
    groups = dict.fromkeys(one.group for one in every)
    split = [[one for one in every if one.group == group] for group in groups]
    return [one for group in split for one in group[::2]], [one for group in split for one in group[1::2]]


def threshold(every: Sequence[Case], curve: Curve) -> float:
    """The highest confidence, in hundredths, below which at most a twentieth of the answerable questions lie."""
    said = sorted(curve.probability(one.signals) for one in every if one.answerable)
    return int(said[int(len(said) * SPARED)] * 100) / 100


def reliability(every: Sequence[Case], curve: Curve) -> list[Bin]:
    """What was said against what was, in bins of confidence."""
    said = np.array([curve.probability(one.signals) for one in every])
    was = np.array([one.answered for one in every])
    number = np.clip(np.searchsorted(BINS, said, side="right") - 1, 0, len(BINS) - 2)
    chosen = [number == one for one in range(len(BINS) - 1)]
    return [Bin(float(said[one].mean()), float(was[one].mean()), int(one.sum())) for one in chosen if one.any()]


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: how far what was said lies from what was, over all questions."""
    total = sum(one.count for one in bins)
    return sum(abs(one.said - one.was) * one.count for one in bins) / total


def insufficient(every: Sequence[Case], curve: Curve, minimum: float) -> dict[str, float]:
    """Share of each group's questions that come back insufficient."""
    groups: dict[str, list[bool]] = {}
    for one in every:
        groups.setdefault(one.group, []).append(curve.probability(one.signals) < minimum)
    return {group: sum(some) / len(some) for group, some in groups.items()}
