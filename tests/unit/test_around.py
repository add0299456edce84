"""Of the many that contradict a side, one of every sort is asked; the rules decide as if all were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from random import Random

import pytest

from context_service.conflicts.around import Surroundings, spot
from context_service.conflicts.resolve import Claimant, decided_by
from context_service.model.applicability import Status, Window
from context_service.model.rivalry import Passage, Rivalry, RivalryKind
from context_service.model.workflow import RANKING_RULES

DAY = date(2026, 11, 20)
JANUARY, JUNE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
EU, PLUS = {"region": frozenset({"DE", "FR"})}, {"plan": frozenset({"plus"})}


def claimant(name: str, chance: Random) -> Claimant:
    return Claimant(
        passage=Passage(chunk=name, start=0, end=10),
        ref=f"source:{name}",
        authority="policy",
        rank=chance.choice([40, 60]),
        conditions=chance.choice([{}, EU, PLUS, {**EU, **PLUS}]),
        effective=chance.choice([Window(), Window(), Window(until=date(2026, 1, 1))]),
        status=chance.choice([Status.CURRENT, Status.CURRENT, Status.WITHDRAWN]),
        supersedes=chance.choice([(), (), ("source:a",), ("source:b", "source:2")]),
        modified=chance.choice([None, JANUARY, JUNE]),
    )


def against(left: Claimant, right: Claimant) -> Rivalry:
    return Rivalry(left=left.passage, right=right.passage, kind=RivalryKind.VALUE, similarity=1.0)


def asked_of_all(sides: list[Claimant], rivalries: list[Rivalry], known: Mapping[Passage, Claimant]) -> bool:
    disputed = {side.passage for side in sides}
    pairs = {frozenset((one.left, one.right)) for one in rivalries if disputed & {one.left, one.right}}
    others = [known[one] for one in sorted({one for pair in pairs for one in pair} - disputed, key=spot)]
    return bool(decided_by(sides, others, lambda a, b: frozenset((a.passage, b.passage)) in pairs, RANKING_RULES, DAY))


@pytest.mark.parametrize("number", [2, 3])
def test_the_rules_decide_as_they_would_among_all(number: int) -> None:
    seen = set()
    for seed in range(400):
        chance = Random(seed)  # noqa: S311 - cases, not secrets
        sides = [claimant(name, chance) for name in "abc"[:number]]
        others = [claimant(str(i), chance) for i in range(12)]
        pairs = [(one, other) for one in [*sides, *others] for other in [*sides, *others] if one.passage.chunk < other.passage.chunk]
        rivalries = [against(*pair) for pair in pairs if chance.random() < 0.4 or pair in pairwise(sides)]
        known = {one.passage: one for one in [*sides, *others]}
        decided = Surroundings(rivalries, known.__getitem__, DAY).decides([side.passage for side in sides], RANKING_RULES)
        assert decided is asked_of_all(sides, rivalries, known), seed
        seen.add(decided)
    assert seen == {True, False}


def test_hundreds_of_rivals_that_are_alike_are_asked_as_one() -> None:
    chance = Random(1)  # noqa: S311 - cases, not secrets
    a, b, *others = (claimant(name, chance) for name in ["a", "b", *(f"{i:03}" for i in range(600))])
    rivalries = [against(a, b), *(against(a, one) for one in others), *(against(b, one) for one in others[:40])]
    surroundings = Surroundings(rivalries, {one.passage: one for one in (a, b, *others)}.__getitem__, DAY)
    asked = surroundings.beside([spot(a.passage), spot(b.passage)])
    assert len(asked) < 120
    assert len(asked) == len({id(one) for one in asked})
