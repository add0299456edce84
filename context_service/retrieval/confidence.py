"""How likely it is that the context holds the answer, from what the ranking saw. Measured, not guessed: see docs/decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from context_service.model.workflow import Tier


@dataclass(frozen=True)
class Signals:
    """What the ranking saw of a question: the best score of the tier among the items (None where none was read), and the cosine of the
    nearest chunk.
    """

    score: float | None
    cosine: float

    @property
    def numbers(self) -> tuple[float, float]:
        """Score (0.0 where there is none) and cosine."""
        return (self.score or 0.0, self.cosine)


@dataclass(frozen=True)
class Curve:
    """A logistic curve over the signals."""

    score: float
    cosine: float
    offset: float

    def probability(self, signals: Signals) -> float:
        """Rounded to three digits."""
        score, cosine = signals.numbers
        return round(1 / (1 + math.exp(-(self.score * score + self.cosine * cosine + self.offset))), 3)


SEARCHED = Curve(0.0, 10.89, -5.71)
"""Where no candidate was read."""

CURVES: Mapping[Tier, Curve] = {Tier.THOROUGH: Curve(0.161, 10.0, -4.69), Tier.FAST: Curve(40.53, 0.0, -34.71), Tier.NONE: SEARCHED}


def confidence(tier: Tier, signals: Signals) -> float:
    """Probability that the answer is among the items, rounded to three digits."""
    return (SEARCHED if signals.score is None else CURVES[tier]).probability(signals)
