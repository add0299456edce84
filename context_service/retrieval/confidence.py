"""How likely it is that the context holds the answer, from what the ranking saw. Measured, not guessed: see docs/decisions."""

from __future__ import annotations

import math

RERANKED = (0.346, -0.408)
"""Slope and offset of the logistic over the best cross-encoder logit."""

UNRANKED = (10.89, -5.71)
"""Slope and offset of the logistic over the best cosine, where no reranker was asked."""


def confidence(best_logit: float | None, best_cosine: float) -> float:
    """Probability that the answer is among the items, rounded to three digits."""
    slope, offset = UNRANKED if best_logit is None else RERANKED
    x = best_cosine if best_logit is None else best_logit
    return round(1 / (1 + math.exp(-(slope * x + offset))), 3)
