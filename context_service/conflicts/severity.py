"""How much a conflict matters. Each part runs from 0 to 1; the score is their weighted mean, so it does too.

- distance: how far apart the sides are. Opposites are 1 apart; values as far as they differ, measured by the larger one (30 and 14 days:
  0.53); sides whose values cannot be measured, such as lists and telephone numbers, 0.5.
- authority: the rank of the least authoritative side against the company's highest. Two policies that contradict each other weigh more
  than a policy and a forum post, of which everybody knows which to believe.
- served: how many answers of the last 30 days told a side, on a logarithmic scale: 10 answers are 0.35, 1,000 are 1.
- risk: the highest declared risk among the workflows that told a side, else among those that may draw on its sources: low 0, medium 0.5,
  high 1.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from context_service.conflicts.values import read_values
from context_service.model.conflict import Severity
from context_service.model.rivalry import RivalryKind
from context_service.model.workflow import Risk

WEIGHTS = {"distance": 0.35, "authority": 0.25, "served": 0.2, "risk": 0.2}
MANY_ANSWERS = 1_000
"""Answers in 30 days from which a conflict counts as served as often as can be."""
UNMEASURED = 0.5
RISK = {Risk.LOW: 0.0, Risk.MEDIUM: 0.5, Risk.HIGH: 1.0}


def severity(distance: float, ranks: Iterable[int], highest_rank: int, answers: int, risks: Iterable[Risk]) -> Severity:
    """Weigh the parts. `ranks` are the sides', `answers` those of the last 30 days that told a side."""
    parts = {
        "distance": distance,
        "authority": min(1.0, max(0, min(ranks)) / highest_rank) if highest_rank > 0 else 1.0,
        "served": min(1.0, math.log1p(answers) / math.log1p(MANY_ANSWERS)),
        "risk": max((RISK[risk] for risk in risks), default=0.0),
    }
    score = sum(WEIGHTS[name] * part for name, part in parts.items())
    return Severity(score=round(score, 4), **{name: round(part, 4) for name, part in parts.items()})


def distance(kind: RivalryKind, left: str, right: str) -> float:
    """How far apart the words of two sides are, from 0 to 1."""
    if kind is RivalryKind.POLARITY:
        return 1.0
    ours, theirs = _magnitudes(left), _magnitudes(right)
    gaps = [_gap(a, b) for measure in ours.keys() & theirs.keys() for a, b in zip(ours[measure], theirs[measure], strict=False)]
    return round(max(gaps), 4) if any(gaps) else UNMEASURED


def _magnitudes(text: str) -> Mapping[str, Sequence[float]]:
    """What a text measures, in its order, by measure: days are never held against euros."""
    found: dict[str, list[float]] = defaultdict(list)
    for value in (one.value for one in read_values(text)):
        if value.magnitude is not None:
            found[value.measure].append(float(value.magnitude))
    return found


def _gap(a: float, b: float) -> float:
    larger = max(abs(a), abs(b))
    return abs(a - b) / larger if larger else 0.0
