"""How much a conflict matters, part by part."""

from __future__ import annotations

import pytest

from context_service.conflicts.severity import MANY_ANSWERS, WEIGHTS, distance, severity
from context_service.model.rivalry import RivalryKind
from context_service.model.workflow import Risk


@pytest.mark.parametrize(
    ("kind", "left", "right", "apart"),
    [
        (RivalryKind.POLARITY, "You can return it.", "You cannot return it.", 1.0),
        (RivalryKind.VALUE, "It costs EUR 10.", "It costs EUR 5.", 0.5),
        (RivalryKind.VALUE, "Return it within 30 days.", "Return it within 14 days.", 0.5333),
        (RivalryKind.VALUE, "It costs EUR 10 for 2 years.", "It costs EUR 10 for 3 years.", 0.3333),
        (RivalryKind.VALUE, "Call +49 30 1234567.", "Call +49 30 7654321.", 0.5),
        (RivalryKind.ENUMERATION, "We ship to A, B and C.", "We ship to A and D.", 0.5),
        (RivalryKind.VALUE, "It is EUR 0.", "It is EUR 5.", 1.0),
        (RivalryKind.VALUE, "It costs EUR 5 within 30 days.", "Within 30 days it costs EUR 10.", 0.5),
        (RivalryKind.VALUE, "It costs EUR 5.", "It costs USD 900.", 0.5),
    ],
)
def test_distance_is_how_far_the_sides_are_apart(kind: RivalryKind, left: str, right: str, apart: float) -> None:
    assert distance(kind, left, right) == apart
    assert distance(kind, right, left) == apart


def test_the_score_is_the_weighted_mean_of_its_parts() -> None:
    found = severity(0.5, [80, 40], 80, 0, [Risk.LOW, Risk.HIGH])
    assert (found.distance, found.authority, found.served, found.risk) == (0.5, 0.5, 0.0, 1.0)
    assert found.score == pytest.approx(0.5 * WEIGHTS["distance"] + 0.5 * WEIGHTS["authority"] + WEIGHTS["risk"])
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_the_least_and_the_most_that_can_be() -> None:
    assert severity(0.0, [0, 80], 80, 0, [Risk.LOW]).score == 0
    assert severity(1.0, [80, 80], 80, 10 * MANY_ANSWERS, [Risk.HIGH]).score == 1


def test_each_part_raises_the_score() -> None:
    plain = severity(0.2, [40], 80, 10, [Risk.LOW]).score
    assert severity(0.3, [40], 80, 10, [Risk.LOW]).score > plain
    assert severity(0.2, [50], 80, 10, [Risk.LOW]).score > plain
    assert severity(0.2, [40], 80, 11, [Risk.LOW]).score > plain
    assert severity(0.2, [40], 80, 10, [Risk.MEDIUM]).score > plain


def test_ranks_that_are_not_positive_and_no_workflow_at_all_are_no_error() -> None:
    assert severity(0.2, [-5], 80, 0, []).authority == 0
    assert severity(0.2, [0], 0, 0, []).authority == 1
    assert severity(0.2, [80], 80, 0, []).risk == 0
