"""What confidence is computed from."""

from __future__ import annotations

import pytest

from context_service.model.workflow import Tier
from context_service.retrieval.confidence import CURVES, SEARCHED, Curve, Signals, confidence


@pytest.mark.parametrize("tier", list(Tier))
def test_more_of_any_signal_never_makes_an_answer_less_sure(tier: Tier) -> None:
    low, high = Signals(-8.0 if tier is Tier.THOROUGH else 0.3, 0.2), Signals(8.0 if tier is Tier.THOROUGH else 0.9, 0.9)
    assert confidence(tier, low) < confidence(tier, high)


def test_where_nothing_was_read_the_search_alone_counts() -> None:
    unread = Signals(None, 0.6)
    assert confidence(Tier.THOROUGH, unread) == SEARCHED.probability(unread)
    assert confidence(Tier.NONE, unread) == SEARCHED.probability(unread)


def test_a_curve_is_a_probability() -> None:
    assert Curve(0, 0, 0).probability(Signals(1, 1)) == 0.5
    for curve in CURVES.values():
        assert 0 <= curve.probability(Signals(-12, 0)) <= curve.probability(Signals(12, 1)) <= 1
