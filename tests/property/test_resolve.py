"""Over any group of rivals: the outcome does not depend on the order of the sides, and accounts for every one of them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from context_service.conflicts.resolve import RULES, Claimant, Resolution, resolve
from context_service.model.applicability import Status, Window
from context_service.model.rivalry import Passage
from context_service.model.workflow import RANKING_RULES, DecidedBy

DAY = date(2026, 11, 20)
NAMES = "abcdef"
days = st.sampled_from([None, date(2026, 1, 1), date(2026, 11, 20), date(2026, 12, 1)])
windows = st.builds(lambda since, until: Window(since=since, until=until if until and (not since or since <= until) else None), days, days)
conditions = st.dictionaries(
    st.sampled_from(["region", "plan"]), st.sampled_from([frozenset("x"), frozenset("y"), frozenset("xy")]), max_size=2
)
orders = st.lists(st.sampled_from(RANKING_RULES), unique=True)


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[Claimant], frozenset[frozenset[str]]]:
    """Two to six sides, and the pairs of them that contradict each other."""
    count = draw(st.integers(2, 6))
    sides = [draw(claimant(name)) for name in NAMES[:count]]
    pairs = [frozenset({a, b}) for i, a in enumerate(NAMES[:count]) for b in NAMES[i + 1 : count]]
    return sides, draw(st.frozensets(st.sampled_from(pairs), min_size=1))


@st.composite
def claimant(draw: st.DrawFn, name: str) -> Claimant:
    applies = draw(conditions)
    return Claimant(
        passage=Passage(chunk=name, start=0, end=1),
        ref=name,
        authority="tier",
        rank=draw(st.integers(1, 3)),
        conditions=applies,
        effective=draw(windows),
        status=draw(st.sampled_from([Status.CURRENT, Status.CURRENT, Status.CURRENT, Status.DRAFT])),
        supersedes=tuple(sorted(draw(st.frozensets(st.sampled_from(NAMES), max_size=2)))),
        modified=draw(st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)])),
        unknown=tuple(sorted(draw(st.frozensets(st.sampled_from(sorted(applies)))))) if applies else (),
    )


def settle(group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]) -> Resolution:
    sides, pairs = group
    return resolve(sides, lambda a, b: frozenset({a.ref, b.ref}) in pairs, order, DAY)


def names(sides: tuple[Claimant, ...]) -> set[str]:
    return {side.ref for side in sides}


def stopped(side: Claimant) -> bool:
    return side.status is not Status.CURRENT or not side.effective.holds_on(DAY)


@given(groups(), orders, st.randoms())
def test_the_order_of_the_sides_changes_nothing(
    group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy], chance: random.Random
) -> None:
    sides, pairs = group
    shuffled = list(sides)
    chance.shuffle(shuffled)
    assert settle((shuffled, pairs), order) == settle(group, order)


@given(groups(), orders)
def test_every_side_is_winner_loser_or_undecided_and_only_one_of_them(
    group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]
) -> None:
    found = settle(group, order)
    parts = [*names(found.winners), *names(found.undecided), *(loss.claimant.ref for loss in found.losses)]
    assert len(parts) == len(set(parts))
    if all(stopped(side) for side in group[0]):
        assert parts == []
    else:
        assert set(parts) == names(tuple(group[0]))


@given(groups(), orders)
def test_winners_agree_and_the_undecided_do_not(group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]) -> None:
    found, pairs = settle(group, order), group[1]
    assert not any(frozenset({a.ref, b.ref}) in pairs for a in found.winners for b in found.winners)
    assert not (found.winners and found.undecided)
    if found.undecided:
        assert any(frozenset({a.ref, b.ref}) in pairs for a in found.undecided for b in found.undecided)
        assert found.reasons
        assert not any(reason.decided for reason in found.reasons)


@given(groups(), orders)
def test_a_loser_gives_way_to_a_side_that_is_left_and_says_by_which_rule(
    group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]
) -> None:
    found, (sides, pairs) = settle(group, order), group
    for loss in found.losses:
        assert loss.to in (*found.winners, *found.undecided)
        assert [reason.decided for reason in loss.reasons] == [False] * (len(loss.reasons) - 1) + [True]
        if stopped(loss.claimant):
            assert loss.rule in (DecidedBy.STATUS, DecidedBy.EFFECTIVE_WINDOW)
        else:
            assert frozenset({loss.claimant.ref, loss.to.ref}) in pairs
            assert any(RULES[loss.rule](side, loss.claimant) for side in sides if frozenset({side.ref, loss.claimant.ref}) in pairs)
            assert [reason.rule for reason in loss.reasons] == order[: len(loss.reasons)]


@given(groups(), orders)
def test_what_is_asked_for_is_unknown_to_a_side_that_is_left(
    group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]
) -> None:
    found = settle(group, order)
    assert set(found.needs) <= {name for side in found.undecided for name in side.unknown}
    assert list(found.needs) == sorted(set(found.needs))


@given(groups(), orders)
def test_nothing_is_asked_for_where_everything_is_known(
    group: tuple[list[Claimant], frozenset[frozenset[str]]], order: list[DecidedBy]
) -> None:
    known = [replace(side, unknown=()) for side in group[0]]
    assert settle((known, group[1]), order).needs == ()
